"""Plugins: how they fare, on and off, and what went wrong in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.incidents import IncidentsQuery, detail_of, find_incidents
from admin.context import board
from admin.extension import entries
from admin.ids import number
from admin.options import seen, set_options
from admin.pages.routing import act, actor, asked, back, member, pages, reason
from bbs_core.errors import ActError, Conflict
from bbs_core.incidents import get_incident
from bbs_core.plugin_options import no_settings
from bbs_core.plugin_switches import ALWAYS_ON, disable_plugin, enable_plugin, get_plugin, list_plugins, reload_plugin
from bbs_core.public.fields import Field, read_all
from bbs_core.rows import visible
from bbs_core.staff import Scope

# What an admin reads of plugins that are off at first, before any of their code runs.
ABOUT = {
    "report": "Users report posts and messages to the staff with /report.",
    "search": "Users find posts with /search.",
    "new": "Users see with /new what came since their last visit.",
    "motd": "Users are shown a message of the day.",
    "automod": "Holds or refuses unwanted words, patterns and links, repetitions and floods.",
    "webhook": "Tells other servers of posts and acts.",
}


@pages.get("/plugins")
@scopes.needs(Scope.STATS_READ)
def plugins() -> ResponseReturnValue:
    """List the plugins that the servers have."""
    return render_template("plugins.html", plugins=board().access.read(list_plugins), about=ABOUT, always_on=ALWAYS_ON)


@pages.get("/plugins/<name>")
@scopes.needs(Scope.STATS_READ)
def plugin(name: str) -> ResponseReturnValue:
    """Show one plugin with what its commands take, and its settings."""
    return _page(name)


@pages.post("/plugins/<name>/settings")
@scopes.needs(Scope.PLUGINS_WRITE)
def configure(name: str) -> ResponseReturnValue:
    """Change what differs from the settings that the form began with."""
    shown = seen(name)
    if shown is None:
        raise no_settings(name)
    try:
        values = _typed(shown.fields)
        if values:
            set_options(name, actor(), values, reason(), number(request.form.get("version", "")))
    except ActError as error:
        return _page(name, error), 409 if isinstance(error, Conflict) else 422
    flash("The settings are in force." if values else "Nothing was changed.", "success")
    return back("pages.plugin", name=name)


def _page(name: str, error: ActError | None = None) -> str:
    found = board().access.read(lambda connection: get_plugin(connection, name))
    shown = seen(name)
    wrong = error or (shown.problem if shown else None)
    fields = shown.fields if shown else []
    return render_template(
        "plugin.html",
        plugin=found,
        about=ABOUT,
        always_on=ALWAYS_ON,
        settings=shown,
        fields=fields,
        problem=str(wrong or ""),
        problems=_at_fields(getattr(wrong, "problems", {})),
        added=[one for one in entries(member().scopes) if one.plugin == name],
        given={name: "\n".join(map(visible, text.splitlines())) for name, text in request.form.items()},
    )


def _at_fields(problems: Mapping[tuple[int | str, ...], str]) -> dict[str, str]:
    """Return what is wrong in each field, and where in it."""
    found: dict[str, list[str]] = {}
    for path, what in problems.items():
        where = ", ".join(f"entry {one + 1}" if isinstance(one, int) else one for one in path[1:])
        found.setdefault(str(path[0]) if path else "", []).append(f"{where}: {what}" if where else what)
    return {name: " ".join(sentences) for name, sentences in found.items()}


def _typed(fields: list[Field]) -> dict[str, Any]:
    """Return the values that differ from what the form shows; of a secret it shows nothing."""
    typed = {one.name: request.form.get(f"option:{one.name}", one.typed).replace("\r\n", "\n") for one in fields}
    texts: dict[str, str | None] = {one.name: typed[one.name] for one in fields if typed[one.name] != one.typed}
    taken_back = {one.name: None for one in fields if f"default:{one.name}" in request.form}
    return read_all(fields, {**texts, **taken_back}, "\n")


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


@pages.post("/plugins/<name>/reload")
@scopes.needs(Scope.PLUGINS_WRITE)
def reload(name: str) -> ResponseReturnValue:
    """Have every server import a plugin afresh."""
    console, who, why = board(), actor(), reason()
    return act(
        lambda c: reload_plugin(c, console.ledger, who, name, why),
        f"Every server imports {name} afresh; if that fails, the older version goes on, and it is said here why.",
        "pages.plugins",
    )
