"""The public board: posts in, rows out, held in memory as ready frames."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import sqlalchemy as sa

from bbs_core.chunks import Cache, Chunk
from bbs_core.look import post_frames
from bbs_core.settings import BoardSettings
from bbs_core.shelf import CHUNK_ROWS, Shelf
from bbs_core.snapshots import ShelfRows, Snapshot, everything, newest
from bbs_core.store import reads
from bbs_core.store.commits import Commits
from bbs_core.store.items import NewPost
from bbs_core.store.readers import Readers

UNBOUNDED = 1 << 62


class Board:
    """All posts of a board; call `open` before anything else, and everything from the loop's thread."""

    def __init__(self, settings: BoardSettings, commits: Commits, readers: Readers, cache: Cache) -> None:
        self._window = settings.window
        self._frames = post_frames(settings.post_row, settings.visible_controls)
        self._commits = commits
        self._readers = readers
        self._cache = cache
        self._shelf = Shelf(cache, self._load, array("q", [1]), Chunk())
        self._hidden = 0

    async def open(self) -> None:
        """Load the newest posts; the time and memory that takes do not depend on how many there are."""
        last_id = await self._readers.read(reads.last_post_id)
        starts = array("q", range(1, max(last_id, 1) + 1, CHUNK_ROWS))
        self._shelf = Shelf(self._cache, self._load, starts, await self._load(starts[-1], UNBOUNDED))
        self._hidden = await self._readers.read(reads.hidden_posts)

    def post(self, new: NewPost) -> int:
        """Hand a post to the writer; returns its ticket."""
        return self._commits.append(new)

    @property
    def last_id(self) -> int:
        """The id of the newest post that was committed."""
        return self._shelf.last_id

    def kept(self, posts: Iterable[NewPost]) -> None:
        """Show posts that were committed."""
        for post in posts:
            self._shelf.add(post.id, self._frames(post))

    def caught_up(self, rows: Iterable[reads.StoredRow]) -> None:
        """Show posts that were committed by this node or another, as they were read back."""
        for row in rows:
            if row.state == reads.VISIBLE:
                self._shelf.add(row.id, self._frames(row))
            else:
                self._shelf.pass_over(row.id)
                self._hidden += 1

    def rows(self) -> ShelfRows:
        """Return the rows of a list: all of them, or those of the window that is set."""
        return ShelfRows(self._snapshot)

    async def refresh(self, post_ids: Iterable[int]) -> None:
        """Read posts anew whose state has changed."""
        await self._shelf.reload(post_ids)
        self._hidden = await self._readers.read(reads.hidden_posts)

    async def _snapshot(self) -> Snapshot:
        if not self._window:
            return await everything(self._shelf)
        snapshot = await newest(self._shelf, self._window)
        earlier = self._shelf.last_id - self._hidden - len(await snapshot.row_ids())
        if earlier > 0:
            snapshot.lead = f"({earlier} earlier posts are not shown.)"
        return snapshot

    async def _load(self, low: int, high: int) -> Chunk:
        return await self._readers.read(lambda connection: self._read(connection, low, high))

    def _read(self, connection: sa.Connection, low: int, high: int) -> Chunk:
        chunk = Chunk()
        for row in reads.posts_between(connection, low, high):
            if row.state == reads.VISIBLE:
                chunk.add(row.id, self._frames(row))
            chunk.last_id = row.id
        return chunk
