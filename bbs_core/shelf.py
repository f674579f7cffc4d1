"""A history of rows in chunks that are loaded when they are read; the last one grows and stays."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable

from bbs_core.chunks import Cache, Chunk

CHUNK_ROWS = 1024

Load = Callable[[int, int], Awaitable[Chunk]]


class Shelf:
    """The chunks of one history; the last one grows and stays, the others come and go.

    `load(low, high)` returns the chunk of the ids from `low` up to `high`, with its `last_id` set to the last id
    that exists there. `starts` are the first ids of the chunks. Belongs to the loop's thread.
    """

    def __init__(self, cache: Cache, load: Load, starts: array[int], tail: Chunk) -> None:
        self._cache = cache
        self._load = load
        self._starts = starts
        self._loading: dict[int, asyncio.Task[Chunk]] = {}
        self._totals: dict[int, int] = {}
        self.tail = tail

    @property
    def last_id(self) -> int:
        """The id of the newest row, shown or not."""
        return self.tail.last_id

    @property
    def last_index(self) -> int:
        """The index of the chunk that grows."""
        return len(self._starts) - 1

    def add(self, row_id: int, frames: Iterable[bytes]) -> None:
        """Append a row that was committed; one that a chunk was loaded with already is passed over."""
        if row_id <= self.tail.last_id:
            return
        if len(self.tail) >= CHUNK_ROWS:
            self._cache.put(self, self.last_index, self.tail)
            self._totals[self.last_index] = len(self.tail)
            self._starts.append(row_id)
            self.tail = Chunk()
        self.tail.add(row_id, frames)

    def pass_over(self, row_id: int) -> None:
        """Count a row as seen that is not shown."""
        self.tail.last_id = row_id

    def index_of(self, row_id: int) -> int:
        """Return the index of the chunk in which a row is, or would be."""
        return max(0, bisect_right(self._starts, row_id) - 1)

    def total(self, index: int) -> int | None:
        """Return the number of frames of a chunk, if it is known without loading it."""
        return len(self.tail) if index == self.last_index else self._totals.get(index)

    async def chunk(self, index: int) -> Chunk:
        """Return a chunk, loading it if need be."""
        if index == self.last_index:
            return self.tail
        kept = self._cache.get(self, index)
        return await self._shared_load(index) if kept is None else kept

    async def reload(self, row_ids: Iterable[int]) -> None:
        """Read the chunks of rows anew, each once, because the rows are to be shown no more, or again."""
        indices = {self.index_of(row_id) for row_id in row_ids}
        for index in indices - {self.last_index}:
            self._forget(index)
        if self.last_index in indices:
            await self._reload_tail()

    def clear(self) -> None:
        """Give back all memory; the shelf is read no more."""
        for index in range(len(self._starts)):
            self._cache.drop(self, index)

    def _forget(self, index: int) -> None:
        self._cache.drop(self, index)
        self._totals.pop(index, None)
        self._loading.pop(index, None)

    async def _reload_tail(self) -> None:
        index = self.last_index
        fresh = await self._load(self._starts[index], 1 << 62)
        if index == self.last_index:
            fresh.extend_after(self.tail)
            self.tail = fresh
        else:
            self._forget(index)

    async def _shared_load(self, index: int) -> Chunk:
        """Load a chunk once, however many wait for it, and whoever of them leaves."""
        if index not in self._loading:
            self._loading[index] = asyncio.ensure_future(self._load_and_keep(index))
        return await asyncio.shield(self._loading[index])

    async def _load_and_keep(self, index: int) -> Chunk:
        """Load a chunk; one that was forgotten meanwhile is not kept, and a failure is not remembered."""
        task = asyncio.current_task()
        try:
            chunk = await self._load(self._starts[index], self._starts[index + 1])
        finally:
            wanted = self._loading.get(index) is task
            if wanted:
                del self._loading[index]
        if wanted:
            self._totals[index] = len(chunk)
            self._cache.put(self, index, chunk)
        return chunk

    async def promise(self, index: int) -> int:
        """Return the number of frames of a chunk, loading it if that is not known."""
        total = self.total(index)
        return len(await self.chunk(index)) if total is None else total
