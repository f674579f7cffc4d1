"""Switching plugins on and off while the board runs; the choice is kept in the settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Unpack

import sqlalchemy as sa

from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.plugin_settings import PluginSettings
from bbs_core.presence import list_nodes
from bbs_core.runtime_settings import effective, read_changes, store_value
from bbs_core.settings import Settings
from bbs_core.store import plugin_schemas
from bbs_core.wording import checked_reason

DISABLED = "plugins.disabled"
ENABLED = "plugins.enabled"
# Stock clients leave by it.
ALWAYS_ON = "quit"
QUARANTINED = "quarantined"
NONE_KNOWN = "No server of this board runs, and servers alone know their plugins: start one, or set plugins.disabled."
MODULE_NAME = re.compile(r"[^\s/\\]{1,200}")


def list_plugins(connection: sa.Connection) -> list[dict[str, Any]]:
    """Return every plugin that a server has told of, by name; `nodes` counts the servers that have it."""
    found: dict[str, dict[str, Any]] = {}
    for node in list_nodes(connection):
        for plugin in json.loads(node["status"])["plugins"]:
            known = found.setdefault(plugin["name"], {**plugin, "nodes": 0})
            known["nodes"] += 1
            if plugin["state"] != "loaded":
                known |= {"state": plugin["state"], "reason": plugin["reason"]}
    return [found[name] for name in sorted(found)]


def reload_plugin(connection: sa.Connection, ledger: Ledger, actor: Actor, name: str, reason: str) -> int:
    """Have every server import a plugin afresh, also one that has come since the start; returns the act's id.

    Where the newer version cannot be loaded the older one goes on, and `list_plugins` says why. Raises InvalidAct.
    """
    if not MODULE_NAME.fullmatch(name):
        raise InvalidAct("A plugin has the name of a file or package.")
    return ledger.write(connection, Entry(actor, "plugin.reload", "plugin", name, checked_reason(reason)))


def get_plugin(connection: sa.Connection, name: str) -> dict[str, Any]:
    """Return one plugin as `list_plugins` does. Raises NotFound."""
    found = list_plugins(connection)
    for plugin in found:
        if plugin["name"] == name:
            return plugin
    raise NotFound(f"There is no plugin {name[:60]!r}." if found else NONE_KNOWN)


def enable_plugin(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    start: Settings,
    name: str,
    reason: str,
    **links: Unpack[Links],
) -> int:
    """Switch a plugin on, or let it out of quarantine; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    plugin, settings = get_plugin(connection, name), _settings(connection, start)
    was_off = settings.switches_off(name, plugin["optional"])
    if not was_off and plugin["state"] != QUARANTINED:
        raise Conflict(f"{name} is on already.")
    lists = {DISABLED: {*settings.disabled} - {name}}
    if plugin["optional"]:
        lists[ENABLED] = {*settings.enabled, name}
    return _switch(connection, ledger, actor, "plugin.enable", name, reason, lists, was_off, links)


def disable_plugin(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    start: Settings,
    name: str,
    reason: str,
    **links: Unpack[Links],
) -> int:
    """Switch a plugin off; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    plugin, settings = get_plugin(connection, name), _settings(connection, start)
    if name == ALWAYS_ON:
        raise InvalidAct(f"{name} cannot be switched off: stock clients leave by it.")
    if settings.switches_off(name, plugin["optional"]):
        raise Conflict(f"{name} is off already.")
    lists = {DISABLED: {*settings.disabled, name}}
    if name in settings.enabled:
        lists = {ENABLED: {*settings.enabled} - {name}}
    return _switch(connection, ledger, actor, "plugin.disable", name, reason, lists, False, links)


def forget_plugin(
    connection: sa.Connection, ledger: Ledger, actor: Actor, name: str, reason: str
) -> tuple[int, dict[str, Any]]:
    """Drop the tables and values of a plugin that is not at work; returns the act's id and what is gone.

    Raises NotFound, Conflict and InvalidAct.
    """
    reason, at_work = checked_reason(reason), {"loaded", QUARANTINED}
    if any(plugin["name"] == name and plugin["state"] in at_work for plugin in list_plugins(connection)):
        raise Conflict(f"{name} is at work: switch it off first.")
    tables, values = plugin_schemas.forget(connection, name)
    if not (tables or values):
        raise NotFound(f"Nothing is kept of a plugin {name[:60]}.")
    gone = {"tables": tables, "values": values}
    return ledger.write(connection, Entry(actor, "plugin.forget", "plugin", name, reason, gone)), gone


def _settings(connection: sa.Connection, start: Settings) -> PluginSettings:
    return effective(start, read_changes(connection)).plugins


def _switch(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    action: str,
    name: str,
    reason: str,
    lists: Mapping[str, set[str]],
    was_off: bool,
    links: Links,
) -> int:
    reason = checked_reason(reason)
    for key, names in lists.items():
        store_value(connection, key, sorted(names))
    states = {"disabled": was_off}, {"disabled": action == "plugin.disable"}
    return ledger.write(connection, Entry(actor, action, "plugin", name, reason, *states, **links))
