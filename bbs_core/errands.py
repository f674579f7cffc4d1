"""Work of a session that others have to finish first: done one after the other, in the order in which it came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

Errand = Callable[[], Coroutine[Any, Any, None]]

# A frame makes one; only a plugin that posts in a loop makes so many, and each holds a text.
LIMIT = 1000


class Errands:
    """The errands of one session; belongs to the loop's thread. An errand raises nothing."""

    __slots__ = ("_task", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Errand] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, errand: Errand) -> bool:
        """Do it once those before it are done; returns whether there was room for it."""
        if len(self._waiting) >= LIMIT:
            return False
        self._waiting.append(errand)
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        return True

    @property
    def busy(self) -> bool:
        """Whether any is left to be done."""
        return self._task is not None

    async def done(self) -> None:
        """Wait until all are done; whoever stops waiting stops none of them."""
        while self._task is not None:
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._waiting.popleft()()
        finally:
            self._task = None
