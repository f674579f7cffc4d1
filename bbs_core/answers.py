"""What a client is sent when it reads: a count, rows and notices, packed into as few whole-frame packs as they fill."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import structlog

from bbs_core.chunks import Chunk, chunk_of
from bbs_core.errors import StoreError
from bbs_core.protocol import encode_count
from bbs_core.rows import notices, visible
from bbs_core.snapshots import Reading, ShelfRows, Snapshot

log = structlog.get_logger(__name__)

UNREADABLE = "The board cannot be read at the moment."


class Line(Protocol):
    """Where a session sends to: packs of whole frames, in order."""

    def wake(self) -> None:
        """Have the session's end carried out, if nothing else does; from any thread."""

    async def send(self, pack: bytes | bytearray) -> None:
        """Send one pack; returns when the kernel has it."""

    def pack_bytes(self) -> int:
        """The size that a pack must not pass, unless it is a single frame."""


async def send_answer(line: Line, rows: ShelfRows | list[str], waiting: Iterable[str]) -> None:
    """Answer a list: its rows, or what can be said in their place, and after them the notices that wait."""
    snapshot = await _snapshot(rows)
    closing = chunk_of(notices(waiting))
    packer = Packer(line, encode_count(len(snapshot) + len(closing)))
    if isinstance(snapshot, Chunk):
        await packer.add(snapshot)
    else:
        await packer.add_all(Reading(snapshot))
    if closing:
        await packer.add(closing)
    await packer.flush()


async def _snapshot(rows: ShelfRows | list[str]) -> Snapshot | Chunk:
    try:
        if isinstance(rows, ShelfRows):
            return await rows.snapshot()
        return chunk_of(visible(row) for row in rows)
    except StoreError as error:
        log.error("list_failed", error=str(error))
        return chunk_of([UNREADABLE])


class Packer:
    """Gather frames into packs, each sent when the next frame would not fit; a longer frame is a pack of its own."""

    __slots__ = ("_limit_bytes", "_line", "_pack")

    def __init__(self, line: Line, first_frame: bytes) -> None:
        self._line = line
        self._limit_bytes = line.pack_bytes()
        self._pack = bytearray(first_frame)

    async def add_all(self, reading: Reading) -> None:
        """Pack all that is to be read."""
        while not await reading.fill(self._pack, self._limit_bytes):
            await self.flush()
            # The path, or the reader, may have come to take less meanwhile, or more.
            self._limit_bytes = self._line.pack_bytes()

    async def add(self, chunk: Chunk) -> None:
        """Pack all frames of a chunk."""
        first = 0
        while first < len(chunk):
            stop = chunk.fit(first, len(chunk), self._limit_bytes - len(self._pack))
            if stop == first and self._pack:
                await self.flush()
                self._limit_bytes = self._line.pack_bytes()
                continue
            stop = max(stop, first + 1)
            chunk.copy(first, stop, self._pack)
            first = stop

    async def flush(self) -> None:
        """Send what is packed."""
        if self._pack:
            pack, self._pack = self._pack, bytearray()
            await self._line.send(pack)
