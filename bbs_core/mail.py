"""Direct messages: a mailbox for each name, held in memory as ready frames while it is read."""

from __future__ import annotations

import asyncio
import sys
from array import array
from collections.abc import Iterable

import sqlalchemy as sa

from bbs_core.chunks import Cache, Chunk
from bbs_core.look import Frames, Written, message_frames
from bbs_core.rows import texts
from bbs_core.settings import BoardSettings
from bbs_core.shelf import CHUNK_ROWS, Shelf
from bbs_core.snapshots import ShelfRows, Snapshot, everything
from bbs_core.store import reads
from bbs_core.store.commits import Commits
from bbs_core.store.items import NewMessage
from bbs_core.store.readers import Readers

UNBOUNDED = 1 << 62


class Mail:
    """All mailboxes of a board; everything is called from the loop's thread."""

    def __init__(self, settings: BoardSettings, commits: Commits, readers: Readers, cache: Cache) -> None:
        self._dress(settings)
        self._commits = commits
        self._readers = readers
        self._cache = cache
        self._open: dict[str, Shelf] = {}
        self._opening: dict[str, tuple[asyncio.Task[Shelf], list[Written]]] = {}
        self.last_id = 0

    def change(self, settings: BoardSettings) -> None:
        """Show messages as other settings say; mailboxes are loaded anew when they are read."""
        self._dress(settings)
        for name in list(self._open):
            self._close(name)

    def refresh(self) -> None:
        """Load all mailboxes anew when they are read, as messages are gone from them."""
        for _, later in self._opening.values():
            later.clear()  # they are in the database, or were erased
        self.change(self._settings)

    def _dress(self, settings: BoardSettings) -> None:
        self._settings = settings
        self._frames = message_frames(settings.message_row, settings.visible_controls)

    def send(self, new: NewMessage) -> int:
        """Hand a message to the writer; returns its ticket."""
        return self._commits.append(new)

    def load(self, connection: sa.Connection) -> None:
        """Begin behind the messages that are there now, while nobody is served yet."""
        self.last_id = reads.last_message_id(connection)

    def kept(self, messages: Iterable[NewMessage]) -> None:
        """Show messages that were committed."""
        self.caught_up((message.recipient, message) for message in messages)

    def caught_up(self, messages: Iterable[tuple[str, Written]]) -> None:
        """Put messages, each with the name it is for, into the mailboxes that are open."""
        for name, message in messages:
            self.last_id = message.id
            if name in self._open:
                self._add(name, message)
            elif name in self._opening:
                self._opening[name][1].append(message)

    def rows(self, name: str) -> ShelfRows:
        """Return the rows of the mailbox of a name."""

        async def snapshot() -> Snapshot:
            return await everything(await self._mailbox(name))

        return ShelfRows(snapshot)

    async def nth(self, name: str, place: int, through_id: int) -> int | None:
        """Return the id of the message of a name's mailbox whose row stands at `place`, from 0, up to `through_id`."""
        shelf = await self._mailbox(name)
        for index in range(shelf.last_index + 1):
            chunk = await shelf.chunk(index)
            if place < len(chunk):
                return chunk.ids[place] if chunk.ids[place] <= through_id else None
            place -= len(chunk)
        return None

    async def count(self, name: str, after_id: int) -> int:
        """Return how many messages to a name came after an id."""
        return await self._readers.read(lambda connection: reads.count_messages(connection, name, after_id))

    async def newest(self, name: str, limit: int, after_id: int) -> list[str]:
        """Return the rows of the newest messages to a name after an id, the oldest first, each whole."""
        found = await self._readers.read(lambda connection: reads.newest_messages(connection, name, after_id, limit))
        return ["".join(texts(b"".join(self._frames(message)))) for message in found]

    def _add(self, name: str, message: Written) -> None:
        shelf = self._open[name]
        shelf.add(message.id, self._frames(message))
        self._weigh(name, shelf)

    def _weigh(self, name: str, shelf: Shelf) -> None:
        # A name may be longer than many mailboxes.
        extra_bytes = sys.getsizeof(name)
        self._cache.put(shelf, shelf.last_index, shelf.tail, lambda: self._close(name), extra_bytes)

    def _close(self, name: str) -> None:
        self._open.pop(name).clear()

    async def _mailbox(self, name: str) -> Shelf:
        shelf = self._open.get(name)
        if shelf is None:
            return await asyncio.shield(self._task(name))
        self._cache.get(shelf, shelf.last_index)
        return shelf

    def _task(self, name: str) -> asyncio.Task[Shelf]:
        """Open a mailbox once, however many ask for it."""
        if name not in self._opening:
            self._opening[name] = (asyncio.ensure_future(self._load_mailbox(name)), [])
        return self._opening[name][0]

    async def _load_mailbox(self, name: str) -> Shelf:
        try:
            frames, shelf = self._frames, await self._read_mailbox(name)
            while frames is not self._frames:  # the look was changed meanwhile
                frames, shelf = self._frames, await self._read_mailbox(name)
            self._open[name] = shelf
            for message in self._opening[name][1]:
                shelf.add(message.id, self._frames(message))
            self._weigh(name, shelf)
            return shelf
        finally:
            del self._opening[name]

    async def _read_mailbox(self, name: str) -> Shelf:
        starts = await self._readers.read(lambda connection: reads.mailbox_starts(connection, name, CHUNK_ROWS))

        frames = self._frames

        async def load(low: int, high: int) -> Chunk:
            return await self._readers.read(lambda connection: _read(connection, name, low, high, frames))

        first_ids = array("q", starts or [1])
        return Shelf(self._cache, load, first_ids, await load(first_ids[-1], UNBOUNDED))


def _read(connection: sa.Connection, name: str, low: int, high: int, frames: Frames) -> Chunk:
    chunk = Chunk()
    for row in reads.messages_between(connection, name, low, high):
        chunk.add(row.id, frames(row))
    return chunk
