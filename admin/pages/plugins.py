"""Plugins: how they fare, on and off."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.context import board
from admin.pages.routing import act, actor, pages, reason
from bbs_core.plugin_switches import ALWAYS_ON, disable_plugin, enable_plugin, list_plugins
from bbs_core.staff import Scope


@pages.get("/plugins")
@scopes.needs(Scope.STATS_READ)
def plugins() -> ResponseReturnValue:
    """List the plugins that the servers have."""
    return render_template("plugins.html", plugins=board().access.read(list_plugins), always_on=ALWAYS_ON)


@pages.post("/plugins/<name>/enable")
@scopes.needs(Scope.PLUGINS_WRITE)
def enable(name: str) -> ResponseReturnValue:
    """Switch a plugin on."""
    console, who, why = board(), actor(), reason()
    return act(
        lambda c: enable_plugin(c, console.ledger, who, console.start, name, why), f"{name} is on.", "pages.plugins"
    )


@pages.post("/plugins/<name>/disable")
@scopes.needs(Scope.PLUGINS_WRITE)
def disable(name: str) -> ResponseReturnValue:
    """Switch a plugin off."""
    console, who, why = board(), actor(), reason()
    return act(
        lambda c: disable_plugin(c, console.ledger, who, console.start, name, why), f"{name} is off.", "pages.plugins"
    )
