"""The event loop's side of the writer: tickets for what was handed in, and waiting until they are decided."""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Awaitable, Callable
from itertools import count

import structlog

from bbs_core.errors import UserError
from bbs_core.settings import StoreSettings
from bbs_core.store.items import Batch, Departure, Item, NewMessage, NewPost, Visit, Work
from bbs_core.store.writer import Writer

log = structlog.get_logger(__name__)

# Plugins' threads cannot wait for room as sessions do: beyond so many times the bounds they are refused.
OVERFULL = 2


class Commits:
    """Hand rows to the writer and hear of their commit; all but `append` belongs to the loop's thread.

    `kept` is told of each batch before anyone who waits for it goes on, so that what is committed is also shown.
    `followed` makes the live state match the database; it runs before the futures of a batch's work complete, and, on
    a database that is `shared` with other nodes, before anything of a batch counts as decided.
    """

    def __init__(
        self,
        limits: StoreSettings,
        shared: bool,
        kept: Callable[[Batch], None],
        followed: Callable[[], Awaitable[None]],
    ) -> None:
        self._queue_rows = limits.queue_rows
        self._queue_characters = limits.queue_characters
        self._shared = shared
        self._kept = kept
        self._followed = followed
        # A plugin's thread may hand in rows too: count and place in the queue must agree.
        self._lock = threading.Lock()
        self._issued = 0
        self._decided = 0
        # Of the rows that were handed in and are not decided.
        self._characters = 0
        self._order = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._settling: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._put: Callable[[Item], None]

    def start(self, writer: Writer) -> None:
        """Use this writer, which must hand its batches to `settle` in the loop's thread."""
        self._put = writer.put

    def append(self, item: Visit | Departure | NewPost | NewMessage) -> int:
        """Hand in a row; returns the ticket to wait for.

        Raises UserError where the queue has passed twice its bounds: who hands in so much did not wait for room.
        """
        with self._lock:
            if self._fills(OVERFULL):
                raise UserError("The board cannot write as fast as it is written to; this was not kept.")
            self._issued += 1
            self._characters += len(item.text)
            self._put(item)
            return self._issued

    @property
    def waiting_rows(self) -> int:
        """How many rows were handed in and are not decided."""
        return self._issued - self._decided

    @property
    def full(self) -> bool:
        """Whether those who feed the queue must wait for `room`."""
        return self._fills(1)

    def _fills(self, times: int) -> bool:
        waiting = self._issued - self._decided
        return waiting >= times * self._queue_rows or self._characters >= times * self._queue_characters

    async def room(self) -> None:
        """Wait until half of what waits now is decided."""
        await self.decided(self._issued - self.waiting_rows // 2)

    def is_decided(self, ticket: int) -> bool:
        """Whether the row of this ticket is committed or refused."""
        return ticket <= self._decided

    async def decided(self, ticket: int) -> None:
        """Wait until the row of this ticket is committed or refused."""
        if ticket > self._decided:
            future = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (ticket, next(self._order), future))
            await future

    async def all_decided(self) -> None:
        """Wait until all that was handed in so far is committed or refused."""
        await self.decided(self._issued)

    def settle(self, batch: Batch) -> None:
        """Show what a batch committed, tell who was refused, and wake who waited."""
        if not self._shared:
            self._decide(batch)
        if self._shared or batch.work:
            task = asyncio.get_running_loop().create_task(self._follow(batch))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def _follow(self, batch: Batch) -> None:
        """Batches take their turns, so that tickets are decided in order."""
        async with self._turn:
            try:
                await self._followed()
            finally:
                if self._shared:
                    self._decide(batch)
                for work in batch.work:
                    work.complete()

    def _decide(self, batch: Batch) -> None:
        try:
            self._kept(batch)
            for item, error in batch.refused:
                _refuse(item, error)
        except Exception:
            # Whatever a row does to those who show it, nobody waits for ever for what is decided.
            log.exception("not_all_shown")
        with self._lock:
            self._decided += batch.rows
            self._characters -= batch.characters
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._decided:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)


def _refuse(item: Item, error: Exception) -> None:
    if isinstance(item, Work):
        item.error = error
        item.complete()
    elif isinstance(item, (NewPost, NewMessage)):
        item.author.refused("post" if isinstance(item, NewPost) else "message", item.text, error)
