"""The settings in force while the board runs: changes by staff are taken over by all that hangs on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from bbs_core.board import Board
from bbs_core.dispatch import Dispatch
from bbs_core.effects import Acts
from bbs_core.host import PluginSet
from bbs_core.mail import Mail
from bbs_core.platform.discovery import Plugin
from bbs_core.platform.following import anew
from bbs_core.platform.life import Life
from bbs_core.platform.runner import Timings
from bbs_core.rules import Rules
from bbs_core.settings import BoardSettings, Settings
from bbs_core.settings_in_force import in_force
from bbs_core.store.readers import Readers

# What of the board's settings makes its rows; the rest concerns who may write them.
LOOKS = ("post_row", "message_row", "visible_controls", "window", "archived_through")


class LiveSettings:
    """Apply changed settings in the loop's thread, where each part serves on until it has its new ones."""

    def __init__(
        self,
        start: Settings,
        now: Settings,
        readers: Readers,
        board: Board,
        mail: Mail,
        rules: Rules,
        dispatch: Dispatch,
        life: Life,
    ) -> None:
        self._start = start
        self.now = now
        self._readers = readers
        self._board = board
        self._mail = mail
        self._rules = rules
        self._dispatch = dispatch
        self._life = life

    async def follow(self, acts: Acts) -> None:
        """Read what staff have set and take it over. Raises StoreUnavailable."""
        before, now = self.now, await self._readers.read(lambda connection: in_force(connection, self._start))
        self._rules.set_mode(now.board)
        if _look(now.board) != _look(before.board):
            await self._board.change(now.board)
            self._mail.change(now.board)
        await self._switch_plugins(before, now, acts)
        self.now = now

    async def _switch_plugins(self, before: Settings, now: Settings, acts: Acts) -> None:
        old = plugins = self._dispatch.plugins
        again = anew(old, acts)
        if again or now.plugins != before.plugins:
            plugins = await _in_a_thread(lambda: old.changed(now.plugins, again))
        self._dispatch.change(plugins, now.board.slash)
        if plugins is not old:
            self._life.change(plugins)


async def _in_a_thread(build: Callable[[], PluginSet]) -> PluginSet:
    """In one of its own: all that the loop shares may be waiting for what the writer does after this."""
    with ThreadPoolExecutor(1, thread_name_prefix="plugins") as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, build)


def status_of(plugins: PluginSet) -> list[dict[str, object]]:
    """Return what the console shows of each plugin, fit for JSON."""
    return [_plugin_status(plugin, plugins) for plugin in plugins.plugins]


def _plugin_status(plugin: Plugin, plugins: PluginSet) -> dict[str, object]:
    timings = plugin.runner.timings if plugin.runner else Timings()
    commands = [info for _, info in sorted(plugins.commands.items()) if info.plugin == plugin.name]
    own_version = vars(plugin.module).get("__version__") if plugin.module else None
    return {
        "name": plugin.name,
        "version": plugin.version or (own_version if type(own_version) is str else ""),
        "origin": plugin.origin,
        "builtin": plugin.builtin,
        "optional": plugin.optional,
        "state": plugin.state,
        "reason": plugin.reason or _problem(plugin) or plugins.hints.get(plugin.name, ""),
        "commands": [info.word for info in commands],
        "usages": [{name: value for name, value in asdict(info).items() if name != "plugin"} for info in commands],
        "failures": plugin.failure_count,
        "calls": timings.calls,
        "mean_ms": round(timings.mean_s * 1000, 3),
        "slowest_ms": round(timings.slowest_s * 1000, 3),
    }


def _problem(plugin: Plugin) -> str:
    return plugin.configured.problem if plugin.configured else ""


def _look(board: BoardSettings) -> tuple[object, ...]:
    return tuple(getattr(board, name) for name in LOOKS)
