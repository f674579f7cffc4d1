"""The time as it is kept, and pauses that follow it; a test may put another clock in its place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """The time of this machine."""

    def now_ms(self) -> int:
        """Return the milliseconds since 1970-01-01 UTC; from any thread."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait so long."""
        await asyncio.sleep(seconds)


_clock = Clock()


def now_ms() -> int:
    """Return the milliseconds since 1970-01-01 UTC, by the clock of the board."""
    return _clock.now_ms()


async def sleep(seconds: float) -> None:
    """Wait so long by the clock of the board."""
    await _clock.sleep(seconds)


@contextmanager
def ticking(clock: Clock) -> Iterator[None]:
    """Have this process ask another clock meanwhile."""
    global _clock
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before
