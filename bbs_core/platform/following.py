"""What acts of staff make of the plugins of a process, also of one that serves no board: a console of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bbs_core import ledger, presence
from bbs_core.host import FOLDER, PluginSet, found_plugins
from bbs_core.incidents import Incidents
from bbs_core.ledger import Ledger
from bbs_core.platform.servers import Parts, PluginServer
from bbs_core.platform.storages import Storages
from bbs_core.plugin_options import SETTINGS
from bbs_core.settings import Settings
from bbs_core.settings_in_force import in_force
from bbs_core.store.items import Batch, Work
from bbs_core.store.readers import Readers
from bbs_core.store.writer import Writer

# Acts after which a plugin is imported afresh.
ANEW = frozenset({"plugin.enable", "plugin.reload"})


def anew(plugins: PluginSet, acts: Iterable[Mapping[Any, Any]]) -> set[str]:
    """Return the plugins that are to be imported afresh after these acts."""
    found, given = set(), set()
    for act in acts:
        if act["action"] in ANEW:
            found.add(act["target_id"])
        if act["action"] == SETTINGS:
            given.add(act["target_id"])
    # One that waited for a value gets it.
    return found | {plugin.name for plugin in plugins.plugins if plugin.state == "failed" and plugin.name in given}


class Following:
    """The plugins of a process that serves no board; whenever they are asked for they are as staff want them.

    Nothing of theirs goes on by itself here: no timers, no deliveries, no start and no stop.
    """

    def __init__(
        self, start: Settings, readers: Readers, writer: Writer, chain: Ledger, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._start = start
        self._readers = readers
        self._loop = loop
        self._parts = Parts(
            _Online(readers),
            readers,
            chain,
            writer.call,
            lambda: self._settings.board.operator_name,
            Storages(readers, writer, start.store.readers),
            writer.aside,
        )
        self._last_act_id = readers.read_now(ledger.last_act_id)
        self._settings = readers.read_now(self._read_settings)
        discover = partial(found_plugins, Path(start.server.data) / FOLDER, self._settings.plugins)
        self._plugins = PluginSet(self._settings.plugins, discover(), Incidents(writer.call).put, discover)
        self._equip()
        self._turn = threading.Lock()

    def __call__(self) -> PluginSet:
        """Return the plugins; whoever comes while another thread changes them is given those from before."""
        if self._turn.acquire(blocking=False):
            try:
                self._follow(self._readers.read_now(lambda c: ledger.acts_after(c, self._last_act_id)))
            finally:
                self._turn.release()
        return self._plugins

    def _read_settings(self, connection: Any) -> Settings:
        return in_force(connection, self._start)

    def _follow(self, acts: Sequence[Mapping[Any, Any]]) -> None:
        if not acts:
            return
        before, self._settings = self._settings, self._readers.read_now(self._read_settings)
        again = anew(self._plugins, acts)
        if again or self._settings.plugins != before.plugins:
            old, self._plugins = self._plugins, self._plugins.changed(self._settings.plugins, again)
            self._equip()
            asyncio.run_coroutine_threadsafe(_let_go(old, self._plugins), self._loop)
        self._last_act_id = acts[-1]["id"]

    def _equip(self) -> None:
        for plugin in self._plugins.plugins:
            if plugin.runner is not None:
                plugin.runner.server = plugin.runner.server or PluginServer(
                    plugin.name, self._parts, plugin.runner.failure
                )
                plugin.runner.storage = plugin.runner.storage or self._parts.storages.of(plugin.name)


async def _let_go(old: PluginSet, new: PluginSet) -> None:
    """Close what has gone, once its calls have ended."""
    at_work = {plugin.runner for plugin in new.plugins}
    for plugin in old.plugins:
        if plugin.runner is not None and plugin.runner not in at_work:
            await plugin.runner.idle()
            plugin.runner.server.end()
    old.close(kept=new)


class _Online:
    """Who is on line on the servers of the board, as the database has it."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def names(self) -> list[str]:
        return self._readers.read_now(presence.names_online)

    def has(self, name: str) -> bool:
        return name in self.names()


def settle(batch: Batch) -> None:
    """Complete the work of a batch, where no board shows what was committed."""
    for item, error in batch.refused:
        if isinstance(item, Work):
            item.error = error
            item.complete()
    for work in batch.work:
        work.complete()
