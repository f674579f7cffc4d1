"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bbs_core.clock import Clock
from bbs_core.public.arguments import duration

# A Thursday noon, so that a test which looks at the time finds the same each day: 2026-01-01 12:00 UTC.
START_MS = 1_767_268_800_000


@dataclass(eq=False)
class _Sleeper:
    due_ms: int
    task: asyncio.Task[Any] | None
    over: asyncio.Future[None]


class FakeClock(Clock):
    """The time of a board under test; timers sleep by it in the board's `loop`, where `do` runs a coroutine.

    The process may have other boards: theirs sleep as ever.
    """

    def __init__(
        self,
        do: Callable[[Coroutine[Any, Any, None]], Awaitable[None]],
        loop: Callable[[], asyncio.AbstractEventLoop],
    ) -> None:
        self._do = do
        self._loop = loop
        self._now_ms = START_MS
        self._sleepers: list[_Sleeper] = []
        # Set when a timer that was woken sleeps again.
        self._back: dict[asyncio.Task[Any] | None, asyncio.Future[None]] = {}

    def now_ms(self) -> int:
        """Return the milliseconds since 1970-01-01 UTC; from any thread."""
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved so far."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if loop is not self._loop():
            return await super().sleep(seconds)
        sleeper = _Sleeper(self._now_ms + round(seconds * 1000), task, loop.create_future())
        self._sleepers.append(sleeper)
        if task in self._back:
            self._back.pop(task).set_result(None)
        try:
            await sleeper.over
        finally:
            self._sleepers.remove(sleeper)

    async def advance(self, time: str) -> None:
        """Let so long pass, as in "90s", "10m" or "1h30m"; timers that are due run one after the other."""
        await self._do(self._pass(round(duration(time).total_seconds() * 1000)))

    async def _pass(self, span_ms: int) -> None:
        end_ms = self._now_ms + span_ms
        while due := self._next(end_ms):
            self._now_ms = due.due_ms
            await self._run(due)
        self._now_ms = end_ms

    def _next(self, end_ms: int) -> _Sleeper | None:
        due = [one for one in self._sleepers if one.due_ms <= end_ms]
        return min(due, key=lambda one: one.due_ms, default=None)

    async def _run(self, due: _Sleeper) -> None:
        """Wake a timer, and wait until it sleeps again or has ended with its plugin."""
        assert due.task is not None
        back = self._back[due.task] = asyncio.get_running_loop().create_future()
        due.over.set_result(None)
        await asyncio.wait({due.task, back}, return_when=asyncio.FIRST_COMPLETED)
        self._back.pop(due.task, None)
