"""The life of plugins beside the commands: they are started and stopped, hear what was committed, and have timers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any

from bbs_core.errors import BBSError
from bbs_core.host import PluginSet
from bbs_core.platform.deliveries import FEEDS, Delivery
from bbs_core.platform.implementation import Implementation
from bbs_core.platform.runner import Runner
from bbs_core.platform.servers import Parts, PluginServer
from bbs_core.platform.timers import repeat
from bbs_core.store.positions import ALONE, give_up

# For the last words of all plugins at a stop, while sessions are seen out.
STOP_S = 5.0
# What a plugin has begun may go on for ever, and is no part of what tests wait for.
MOMENT_S = 1.0


class Life:
    """Everything of the plugins that goes on by itself; belongs to the loop's thread."""

    def __init__(self, parts: Parts, node: str) -> None:
        self._parts = parts
        self._node = node
        self._plugins: PluginSet | None = None
        self._tasks: dict[Runner, list[asyncio.Task[None]]] = {}
        self._deliveries: dict[Runner, list[Delivery]] = {}
        # The settings that each has heard of.
        self._settings: dict[Runner, Any] = {}
        # What has begun to change; old plugins end their calls meanwhile.
        self.changing: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def change(self, plugins: PluginSet) -> None:
        """Begin the life of the plugins that are new and end that of those that have gone, soon."""
        for runner in _runners(plugins):
            runner.server = runner.server or PluginServer(runner.plugin, self._parts, runner.failure)
            runner.storage = runner.storage or self._parts.storages.of(runner.plugin)
        changing = asyncio.ensure_future(self._change(plugins))
        self.changing.add(changing)
        changing.add_done_callback(self.changing.discard)

    def ring(self) -> None:
        """Hear that something was committed."""
        for deliveries in self._deliveries.values():
            for delivery in deliveries:
                delivery.ring()

    async def quiet(self) -> None:
        """Wait until what has begun to change is done, and every plugin was told what was committed; for tests."""
        if begun := self.changing | self._parts.begun:
            await asyncio.wait(begun)
        deliveries = [one for deliveries in self._deliveries.values() for one in deliveries]
        await asyncio.gather(*(delivery.caught_up() for delivery in deliveries))
        if at_work := {task for runner in self._tasks for task in runner.server.begun.values()}:
            await asyncio.wait(at_work, timeout=MOMENT_S)

    async def end(self) -> None:
        """End every plugin's life; what has no end in time is left behind."""
        await asyncio.wait({asyncio.ensure_future(self._end_all())}, timeout=STOP_S)

    async def _end_all(self) -> None:
        """A life that is just beginning begins before it ends; other servers, and the next start, go on at once."""
        async with self._turn:
            ending = {asyncio.ensure_future(self._end(runner)) for runner in list(self._tasks)}
            if ending:
                await asyncio.wait(ending)
        if self._node != ALONE:
            with contextlib.suppress(BBSError):
                await asyncio.wrap_future(self._parts.write(lambda connection: give_up(connection, self._node)))

    async def _change(self, plugins: PluginSet) -> None:
        async with self._turn:
            before, now = set(self._tasks), list(_runners(plugins))
            for runner in before.difference(now):
                await self._end(runner)
            if self._plugins is not None and self._plugins is not plugins:
                self._plugins.close(kept=plugins)
            self._plugins = plugins
            for runner in now:
                if runner not in before:
                    await self._begin(runner, plugins)
                elif self._settings[runner] is not runner.settings:
                    self._settings[runner] = runner.settings
                    await _tell(_own(plugins, "bbs_settings_changed", runner))

    async def _begin(self, runner: Runner, plugins: PluginSet) -> None:
        self._tasks[runner] = []
        self._settings[runner] = runner.settings
        deliveries = [
            Delivery(function, self._node, self._parts.readers, self._parts.aside)
            for hook in FEEDS
            for function in _own(plugins, hook, runner)
        ]
        # What comes once it has been told that it is at work is told to it.
        for delivery in deliveries:
            await delivery.take_place()
        await _tell(_own(plugins, "bbs_server_started", runner))
        timers = [repeat(*timer) for timer in plugins.timers_of(runner)]
        work: list[Coroutine[Any, Any, None]] = [*(delivery.run() for delivery in deliveries), *timers]
        self._tasks[runner] = [asyncio.ensure_future(one) for one in work]
        self._deliveries[runner] = deliveries

    async def _end(self, runner: Runner) -> None:
        self._deliveries.pop(runner, None)
        self._settings.pop(runner, None)
        for task in self._tasks.pop(runner):
            task.cancel()
        runner.server.end()
        assert self._plugins is not None
        await _tell(_own(self._plugins, "bbs_server_stopping", runner))
        await runner.idle()
        # What its last words, and calls that were still at work, have begun.
        runner.server.end()
        for plugin in self._plugins.plugins:
            if plugin.runner is runner and plugin.worker is not None:
                await plugin.worker.close()


def _runners(plugins: PluginSet) -> Iterable[Runner]:
    return (plugin.runner for plugin in plugins.plugins if plugin.runner is not None and plugin.state == "loaded")


def _own(plugins: PluginSet, hook: str, runner: Runner) -> list[Implementation]:
    return [function for function in getattr(plugins.hooks, hook).functions if function.runner is runner]


async def _tell(functions: Iterable[Implementation]) -> None:
    for function in functions:
        try:
            await function.call({"server": function.runner.server})
        except BBSError:
            continue
