"""Calls of plugins from threads that are not the loop's, such as the console's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bbs_core.host import PluginSet
from bbs_core.platform.configuring import Configured

T = TypeVar("T")


class Calls:
    """The plugins of this process, and the loop that they run on."""

    def __init__(self, plugins: Callable[[], PluginSet], loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._plugins = plugins
        self._loop = loop

    @property
    def plugins(self) -> PluginSet:
        """The plugins at work now."""
        return self._plugins()

    def configured(self, plugin: str) -> Configured | None:
        """Return the settings of a plugin, None where this process knows of none."""
        return self.plugins.configured(plugin)

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call on the loop that has an end of its own. Raises what the call raises."""
        return asyncio.run_coroutine_threadsafe(call, self._loop()).result()

    def wait_for(self, call: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run a call on the loop, and give it up after some time. Raises TimeoutError and what the call raises."""
        asking = asyncio.run_coroutine_threadsafe(call, self._loop())
        try:
            return asking.result(timeout_s)
        except TimeoutError:
            asking.cancel()
            raise


def loop_in_thread(name: str) -> asyncio.AbstractEventLoop:
    """Start a loop that runs for as long as the process does, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=name, daemon=True).start()
    return loop
