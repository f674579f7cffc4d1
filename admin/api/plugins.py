"""Plugins: which there are and how they fare, and switching them on and off."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act, answer, read
from admin.api.routing import actor, route
from admin.context import board
from admin.options import seen, set_options
from admin.schemas import Asked, Done, Listing, Reason
from bbs_core.plugin_options import View, no_settings
from bbs_core.plugin_switches import disable_plugin, enable_plugin, get_plugin, list_plugins, reload_plugin
from bbs_core.staff import Scope

VALUES_LIMIT = 200


class NamePath(Asked):
    """Which plugin is meant."""

    name: str = Field(min_length=1, max_length=200)


class Plugin(BaseModel):
    """A plugin, as the servers that run now tell of it."""

    name: str
    version: str
    origin: str
    builtin: bool
    optional: bool = Field(description="Built in, and off until someone wants it.")
    state: str
    reason: str = Field(description="Why it is in this state.")
    commands: list[str]
    calls: int
    failures: int
    mean_ms: float = Field(description="What a call took on average.")
    slowest_ms: float
    nodes: int = Field(description="How many servers have it.")


class Example(BaseModel):
    """What may be typed for a command."""

    typed: str
    like: str = Field(description="The regular expression that the answer matches, its rows joined by line feeds.")


class Usage(BaseModel):
    """A command of a plugin."""

    word: str
    usage: str = Field(description="What is to be typed, as in /roll [sides].")
    summary: str
    help: str = Field(description="All of its documentation.")
    schema_: dict[str, Any] = Field(
        alias="schema", description="A JSON schema of the parameters; empty for stock words."
    )
    examples: list[Example]
    may: str = Field("everyone", description="The group that may use it.")
    rate: str = Field("", description="How often each user may, as in 5 times a minute; empty is without limit.")


class PluginSettings(BaseModel):
    """The settings of a plugin in force; a secret is shown as asterisks, and sent so it stays as it is."""

    schema_: dict[str, Any] = Field(alias="schema", description="A JSON schema of the values.")
    values: dict[str, Any]
    changed: list[str] = Field(description="Those that staff have set; they stand above the file.")
    version: int = Field(description="Send it back with a change, so that nobody's change is lost.")
    problem: str = Field(description="Why what is set does not fit; empty where it does.")


class PluginDetail(Plugin):
    """A plugin with what its commands take, and its settings where this console knows them."""

    usages: list[Usage]
    settings: PluginSettings | None


class PluginSettingsChange(Reason):
    """Values by name; null takes a change back."""

    values: dict[str, Any] = Field(min_length=1, max_length=VALUES_LIMIT)
    version: int | None = Field(None, description="The version that was seen.")


class PluginSettingsDone(PluginSettings):
    """The settings after a change."""

    act_id: int


class PluginPage(Listing[Plugin]):
    """All plugins, by name; there is no next page."""


@route("GET", "/plugins", Scope.STATS_READ, PluginPage)
def plugins() -> Response:
    """List the plugins that the servers have."""
    return read(lambda c: PluginPage(items=[_plugin(one) for one in list_plugins(c)], next=None))


@route("GET", "/plugins/<name>", Scope.STATS_READ, PluginDetail)
def plugin(path: NamePath) -> Response:
    """Return a plugin with what its commands take, and its settings."""
    found = board().access.read(lambda connection: get_plugin(connection, path.name))
    shown = seen(path.name)
    return answer(PluginDetail(**found, settings=PluginSettings(**_view(shown)) if shown else None))


@route("PATCH", "/plugins/<name>/settings", Scope.PLUGINS_WRITE, PluginSettingsDone)
def configure(path: NamePath, body: PluginSettingsChange) -> Response:
    """Change settings of a plugin, all or none; its servers take them over within two seconds."""
    act_id = set_options(path.name, actor(), body.values, body.reason, body.version)
    shown = seen(path.name)
    if shown is None:
        raise no_settings(path.name)
    return answer(PluginSettingsDone(**_view(shown), act_id=act_id))


@route("POST", "/plugins/<name>/enable", Scope.PLUGINS_WRITE, Done)
def enable(path: NamePath, body: Reason) -> Response:
    """Switch a plugin on, or let it out of quarantine."""
    who, console = actor(), board()
    return act(lambda c: Done(act_id=enable_plugin(c, console.ledger, who, console.start, path.name, body.reason)))


@route("POST", "/plugins/<name>/disable", Scope.PLUGINS_WRITE, Done)
def disable(path: NamePath, body: Reason) -> Response:
    """Switch a plugin off."""
    who, console = actor(), board()
    return act(lambda c: Done(act_id=disable_plugin(c, console.ledger, who, console.start, path.name, body.reason)))


@route("POST", "/plugins/<name>/reload", Scope.PLUGINS_WRITE, Done)
def reload(path: NamePath, body: Reason) -> Response:
    """Have every server import a plugin afresh; if that fails the older one goes on, and its `reason` says why."""
    who, console = actor(), board()
    return act(lambda c: Done(act_id=reload_plugin(c, console.ledger, who, path.name, body.reason)))


def _view(shown: View) -> dict[str, Any]:
    kept = {"values": shown.values, "changed": shown.changed, "version": shown.version}
    return {"schema": shown.options.schema, "problem": str(shown.problem or ""), **kept}


def _plugin(known: dict[str, Any]) -> Plugin:
    return Plugin(**{name: known[name] for name in Plugin.model_fields})
