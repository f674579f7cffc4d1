"""Many waits of one length: kept in the order in which they began, so that looking at the oldest is enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Call `expired` with each item that was started and not stopped for `timeout_s`; 0 switches it off.

    One timer of the server calls `check` for all lines: a timer for each would cost more than what it guards.
    """

    __slots__ = ("_due", "_expired", "_timeout_s")

    def __init__(self, timeout_s: float, expired: Callable[[T], None]) -> None:
        self._timeout_s = timeout_s
        self._expired = expired
        self._due: dict[T, float] = {}

    def start(self, item: T) -> None:
        """Begin to wait for an item, or begin anew."""
        if self._timeout_s:
            self._due.pop(item, None)
            self._due[item] = time.monotonic() + self._timeout_s

    def stop(self, item: T) -> None:
        """Wait for an item no more."""
        self._due.pop(item, None)

    def waits_for(self, item: T) -> bool:
        """Whether an item was started and neither stopped nor expired."""
        return item in self._due

    def check(self) -> None:
        """Expire what is due."""
        now = time.monotonic()
        while self._due:
            item, due = next(iter(self._due.items()))
            if due > now:
                return
            del self._due[item]
            self._expired(item)
