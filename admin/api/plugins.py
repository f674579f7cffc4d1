"""Plugins: which there are and how they fare, and switching them on and off."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act, read
from admin.api.routing import actor, route
from admin.context import board
from admin.schemas import Asked, Done, Listing, Reason
from bbs_core.plugin_switches import disable_plugin, enable_plugin, get_plugin, list_plugins
from bbs_core.staff import Scope


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


class Usage(BaseModel):
    """A command of a plugin."""

    word: str
    usage: str = Field(description="What is to be typed, as in /roll [sides].")
    summary: str
    help: str = Field(description="All of its documentation.")
    schema_: dict[str, Any] = Field(
        alias="schema", description="A JSON schema of the parameters; empty for stock words."
    )


class PluginDetail(Plugin):
    """A plugin with what its commands take."""

    usages: list[Usage]


class PluginPage(Listing[Plugin]):
    """All plugins, by name; there is no next page."""


@route("GET", "/plugins", Scope.STATS_READ, PluginPage)
def plugins() -> Response:
    """List the plugins that the servers have."""
    return read(lambda c: PluginPage(items=[_plugin(one) for one in list_plugins(c)], next=None))


@route("GET", "/plugins/<name>", Scope.STATS_READ, PluginDetail)
def plugin(path: NamePath) -> Response:
    """Return a plugin with what its commands take."""
    return read(lambda c: PluginDetail(**get_plugin(c, path.name)))


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


def _plugin(known: dict[str, Any]) -> Plugin:
    return Plugin(**{name: known[name] for name in Plugin.model_fields})
