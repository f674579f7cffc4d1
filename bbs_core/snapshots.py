"""What one list will show: fixed when it begins, read piece by piece, and holding nothing of the history in between."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable

from bbs_core.chunks import Chunk
from bbs_core.errors import StoreError
from bbs_core.protocol import encode
from bbs_core.rows import NOTICE_MARK, texts
from bbs_core.shelf import Shelf

WITHDRAWN_FRAME = encode(NOTICE_MARK + "This row was hidden while the list was on its way.")
UNREADABLE_FRAME = encode(NOTICE_MARK + "The board cannot be read at the moment.")
# What a plugin that iterates over rows gets at a time; between two of them the loop serves the others.
TEXT_PIECE_BYTES = 16_384


class Snapshot:
    """So many frames of each chunk from one on, as they were promised; `len()` is what the count row says.

    `lead` is a row before them; `is_cut` is whether the shelf may have earlier ones.
    """

    def __init__(self, shelf: Shelf, first_index: int, counts: array[int], last_id: int) -> None:
        self.shelf = shelf
        self.first_index = first_index
        self.counts = counts
        self.last_id = last_id
        self.lead: str | None = None
        self.is_cut = False

    def __len__(self) -> int:
        return sum(self.counts) + (self.lead is not None)

    async def texts(self) -> AsyncIterator[str]:
        """Yield the rows as text."""
        reading, done = Reading(self), False
        while not done:
            pack = bytearray()
            done = await reading.fill(pack, TEXT_PIECE_BYTES)
            for text in texts(pack):
                yield text
            await asyncio.sleep(0)

    async def row_ids(self) -> set[int]:
        """Return the ids of the posts or messages shown."""
        ids: set[int] = set()
        for index, count in enumerate(self.counts, self.first_index):
            chunk = await self.shelf.chunk(index)
            first, end = _Cursor(count, self.last_id).range(chunk)
            ids.update(chunk.ids[first:end])
        return ids


class Reading:
    """How far a snapshot is read; it holds numbers and nothing of the history."""

    __slots__ = ("_cursor", "_place", "_snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        # Before the first chunk there may be a lead.
        self._place = -1
        self._cursor = _Cursor(0, 0)

    async def fill(self, pack: bytearray, limit_bytes: int) -> bool:
        """Append as many frames as the pack has room for, and one to an empty pack; returns whether that was all."""
        if self._place < 0:
            pack += encode(self._snapshot.lead) if self._snapshot.lead is not None else b""
            self._next_chunk()
        while self._place < len(self._snapshot.counts):
            if self._cursor.left and not await self._fill_from_chunk(pack, limit_bytes):
                return False
            if not self._cursor.left:
                self._next_chunk()
        return True

    def _next_chunk(self) -> None:
        self._place += 1
        if self._place < len(self._snapshot.counts):
            self._cursor = _Cursor(self._snapshot.counts[self._place], self._snapshot.last_id)

    async def _fill_from_chunk(self, pack: bytearray, limit_bytes: int) -> bool:
        """The chunk is looked up for each pack, so that a reader that stops reading keeps none in memory."""
        snapshot, cursor = self._snapshot, self._cursor
        if not cursor.unreadable:
            try:
                return cursor.fill(pack, limit_bytes, await snapshot.shelf.chunk(snapshot.first_index + self._place))
            except StoreError:
                cursor.unreadable = True
        return cursor.put(pack, limit_bytes, UNREADABLE_FRAME)


class _Cursor:
    """How far a chunk is read, by ids: rows of it may be hidden, or come back, before the rest is sent.

    `left` frames are still to be sent, none of a row later than `last_id`.
    """

    __slots__ = ("_last_id", "_part", "_row_id", "left", "unreadable")

    def __init__(self, left: int, last_id: int) -> None:
        self.left = left
        self.unreadable = False
        self._last_id = last_id
        self._row_id = 0
        self._part = 0

    def range(self, chunk: Chunk) -> tuple[int, int]:
        """Return the frames that are next; of more than are left, the newest, as one's own is among them."""
        ids = chunk.ids
        end = bisect_right(ids, self._last_id)
        done = min(bisect_left(ids, self._row_id) + self._part, bisect_right(ids, self._row_id))
        return max(done, end - self.left), end

    def fill(self, pack: bytearray, limit_bytes: int, chunk: Chunk) -> bool:
        """Append frames of the chunk; returns whether there was room for all that it has."""
        first, end = self.range(chunk)
        if first >= end:
            return self.put(pack, limit_bytes, WITHDRAWN_FRAME)
        stop = chunk.fit(first, end, limit_bytes - len(pack))
        if stop == first:
            if pack:
                return False
            stop = first + 1
        chunk.copy(first, stop, pack)
        self.left -= stop - first
        self._row_id = chunk.ids[stop - 1]
        self._part = stop - bisect_left(chunk.ids, self._row_id)
        return stop == end

    def put(self, pack: bytearray, limit_bytes: int, frame: bytes) -> bool:
        """Append a frame in the place of one that was promised; returns whether there was room."""
        if pack and len(pack) + len(frame) > limit_bytes:
            return False
        pack += frame
        self.left -= 1
        return True


class ShelfRows:
    """The rows of a shelf, looked at only when they are shown; a plugin that wraps a list may iterate over them."""

    def __init__(self, snapshot: Callable[[], Awaitable[Snapshot]]) -> None:
        self.snapshot = snapshot

    async def __aiter__(self) -> AsyncIterator[str]:
        async for text in (await self.snapshot()).texts():
            yield text


async def everything(shelf: Shelf) -> Snapshot:
    """Return a snapshot of the whole shelf."""
    counts = array("I", [await shelf.promise(index) for index in range(shelf.last_index + 1)])
    return Snapshot(shelf, 0, counts, shelf.last_id)


async def newest(shelf: Shelf, frame_count: int) -> Snapshot:
    """Return a snapshot of the newest `frame_count` frames or a few less, touching no more chunks than hold them.

    It never begins in the middle of a row that was cut.
    """
    counts: list[int] = []
    index, last_id = shelf.last_index + 1, shelf.last_id
    while index and sum(counts) < frame_count:
        index -= 1
        counts.insert(0, await shelf.promise(index))
    skip = max(0, sum(counts) - frame_count)
    ids = (await shelf.chunk(index)).ids
    while 0 < skip < len(ids) and ids[skip] == ids[skip - 1]:
        skip += 1
    counts[0] -= min(skip, counts[0])
    snapshot = Snapshot(shelf, index, array("I", counts), last_id)
    snapshot.is_cut = index > 0 or skip > 0
    return snapshot
