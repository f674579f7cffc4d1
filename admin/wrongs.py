"""What is wrong with a board, as the dashboard's red cards; a fresh one has none."""

from __future__ import annotations

from typing import NamedTuple

from admin.context import ConsoleContext
from bbs_core.clock import now_ms
from bbs_core.plugin_switches import list_plugins
from bbs_core.reports import count_open
from bbs_core.store.access import Connection

WAITS_TOO_LONG_MS = 24 * 3_600_000


class Wrong(NamedTuple):
    """A red card: what, why, and the page on which it can be mended."""

    title: str
    detail: str
    endpoint: str | None = None


def wrongs(console: ConsoleContext) -> list[Wrong]:
    """Return what somebody should look at now."""
    return [*_health(console), *console.access.read(_in_the_database)]


def _health(console: ConsoleContext) -> list[Wrong]:
    health = console.health()
    if health["status"] == "ok":
        return []
    return [Wrong("The board cannot keep what it is sent", str(health["writer"]))]


def _in_the_database(connection: Connection) -> list[Wrong]:
    found = [
        Wrong(f"The plugin {plugin['name']} is {plugin['state']}", plugin["reason"], "pages.plugins")
        for plugin in list_plugins(connection)
        if plugin["state"] in ("failed", "quarantined")
    ]
    _, oldest = count_open(connection)
    if oldest is not None and now_ms() - oldest > WAITS_TOO_LONG_MS:
        found.append(Wrong("A report waits since yesterday", "Someone asked the staff to look at it.", "pages.review"))
    return found
