"""Hooks of a test's own, called through the relay and through pluggy itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy

from bbs_core.platform.pool import Pool
from bbs_core.platform.relay import Relay
from bbs_core.platform.runner import Runner
from bbs_core.words import PROJECT

Function = Callable[..., Any]
DEADLINE_S = 20.0


class Bench:
    """A plugin manager with the hooks `first`, `every` and `told`, and the failures that the relay has attributed.

    With `threads`, each plugin has so many of its own, as one from outside has.
    """

    def __init__(self, deadline_s: float = DEADLINE_S, *, threads: int = 0) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(Specifications)
        self.deadline_s = deadline_s
        self.threads = threads
        self.failures: list[str] = []
        self._runners: dict[str, Runner] = {}

    def add(self, name: str, function: Function, hook: str = "first", **options: Any) -> None:
        """Register a plugin of one function; the last registered is called first."""
        marked = pluggy.HookimplMarker(PROJECT)(specname=hook, **options)(function)
        plugin = type(name, (), {"function": staticmethod(marked)})
        self.manager.register(plugin, name)
        pool = Pool(name, self.threads) if self.threads else None
        self._runners[name] = Runner(name, self.deadline_s, pool, lambda _: self.failures.append(name))

    def close(self) -> None:
        """Let the threads go."""
        for runner in self._runners.values():
            if runner.pool is not None:
                runner.pool.close()

    @property
    def hooks(self) -> Relay:
        """The relay over what is registered now."""
        return Relay(self.manager, self._runners)


_specification = pluggy.HookspecMarker(PROJECT)


class Specifications:
    """A hook of each kind."""

    @staticmethod
    @_specification(firstresult=True)
    def first(value: int) -> object:
        """Return the first result."""

    @staticmethod
    @_specification
    def every(value: int) -> object:
        """Return all results."""

    @staticmethod
    @_specification
    def told(value: int) -> None:
        """Hear of it; a failure skips the implementation."""


Specifications.told.bbs_on_error = "skip"  # type: ignore[attr-defined]
