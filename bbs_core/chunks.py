"""Rows as ready frames: runs of them in one buffer, and a byte budget for those in memory."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable

from bbs_core.rows import frames

# What a chunk weighs beside its frames, so that a hundred thousand empty mailboxes count too.
CHUNK_OVERHEAD_BYTES = 1024


class Chunk:
    """Consecutive frames in one buffer, each with the id of its post or message; frames are only ever added."""

    __slots__ = ("blob", "ends", "ids", "last_id")

    def __init__(self) -> None:
        self.blob = bytearray()
        self.ends = array("I")
        self.ids = array("q")
        self.last_id = 0

    def add(self, row_id: int, frames: Iterable[bytes]) -> None:
        """Append the frames of one row."""
        for frame in frames:
            self.blob += frame
            self.ends.append(len(self.blob))
            self.ids.append(row_id)
        self.last_id = row_id

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def size_bytes(self) -> int:
        """What the chunk weighs in memory, about."""
        return len(self.blob) + 16 * len(self.ends) + CHUNK_OVERHEAD_BYTES

    def fit(self, first: int, last: int, limit_bytes: int) -> int:
        """Return the end of the longest run of whole frames from `first` that fits; `first` where none does."""
        return max(first, bisect_right(self.ends, self._start(first) + limit_bytes, first, last))

    def slice(self, first: int, last: int) -> bytearray:
        """Return the frames from `first` up to `last`."""
        return self.blob[self._start(first) : self._start(last)]

    def copy(self, first: int, last: int, pack: bytearray) -> None:
        """Append the frames from `first` up to `last` to a pack, without a copy in between."""
        with memoryview(self.blob) as view, view[self._start(first) : self._start(last)] as frames:
            pack += frames

    def extend_after(self, other: Chunk) -> None:
        """Append what `other` has of later rows."""
        first = bisect_right(other.ids, self.last_id)
        for index in range(first, len(other)):
            self.add(other.ids[index], (bytes(other.slice(index, index + 1)),))
        self.last_id = max(self.last_id, other.last_id)

    def _start(self, index: int) -> int:
        return self.ends[index - 1] if index else 0


def chunk_of(texts: Iterable[str]) -> Chunk:
    """Return rows that belong to no history as a chunk."""
    chunk = Chunk()
    for text in texts:
        chunk.add(0, frames(text))
    return chunk


class Cache:
    """The chunks of all owners that are in memory; the longest unread leave first when the budget is passed."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._entries: OrderedDict[tuple[object, int], tuple[Chunk, int, Callable[[], None] | None]] = OrderedDict()
        self.size_bytes = 0

    def get(self, owner: object, index: int) -> Chunk | None:
        """Return a chunk and count it as read."""
        entry = self._entries.get((owner, index))
        if entry is None:
            return None
        self._entries.move_to_end((owner, index))
        return entry[0]

    def put(
        self,
        owner: object,
        index: int,
        chunk: Chunk,
        evicted: Callable[[], None] | None = None,
        extra_bytes: int = 0,
    ) -> None:
        """Keep a chunk, or weigh it anew, with what goes when it goes; `evicted` is called when it has to leave."""
        self.drop(owner, index)
        size_bytes = chunk.size_bytes + extra_bytes
        self._entries[owner, index] = (chunk, size_bytes, evicted)
        self.size_bytes += size_bytes
        while self.size_bytes > self._budget_bytes and len(self._entries) > 1:
            self._evict(*next(iter(self._entries)))

    def drop(self, owner: object, index: int) -> None:
        """Forget a chunk."""
        entry = self._entries.pop((owner, index), None)
        if entry is not None:
            self.size_bytes -= entry[1]

    def _evict(self, owner: object, index: int) -> None:
        evicted = self._entries[owner, index][2]
        self.drop(owner, index)
        if evicted is not None:
            evicted()
