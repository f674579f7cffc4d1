"""Plugins: how they fare, on and off, and what went wrong in them."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.incidents import IncidentsQuery, detail_of, find_incidents
from admin.context import board
from admin.pages.routing import act, actor, asked, pages, reason
from bbs_core.incidents import get_incident
from bbs_core.plugin_switches import ALWAYS_ON, disable_plugin, enable_plugin, get_plugin, list_plugins
from bbs_core.staff import Scope


@pages.get("/plugins")
@scopes.needs(Scope.STATS_READ)
def plugins() -> ResponseReturnValue:
    """List the plugins that the servers have."""
    return render_template("plugins.html", plugins=board().access.read(list_plugins), always_on=ALWAYS_ON)


@pages.get("/plugins/<name>")
@scopes.needs(Scope.STATS_READ)
def plugin(name: str) -> ResponseReturnValue:
    """Show one plugin with what its commands take."""
    found = board().access.read(lambda connection: get_plugin(connection, name))
    return render_template("plugin.html", plugin=found, always_on=ALWAYS_ON)


@pages.get("/incidents")
@scopes.needs(Scope.PLUGINS_WRITE)
def incidents() -> ResponseReturnValue:
    """List what went wrong in plugins, or lead to the one whose number was typed."""
    number = request.args.get("number", "").strip()
    if number:
        return redirect(url_for("pages.incident", incident=number))
    return render_template("incidents.html", incidents=find_incidents(asked(IncidentsQuery)))


@pages.get("/incidents/<incident>")
@scopes.needs(Scope.PLUGINS_WRITE)
def incident(incident: str) -> ResponseReturnValue:
    """Show where in a plugin's code something went wrong."""
    found = board().access.read(lambda connection: detail_of(get_incident(connection, incident)))
    return render_template("incident.html", incident=found)


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
