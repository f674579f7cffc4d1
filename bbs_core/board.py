"""The public board: posts in, rows out, held in memory as ready frames."""

from __future__ import annotations

import asyncio
import functools
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from bbs_core.chunks import Cache, Chunk
from bbs_core.look import Frames, post_frames
from bbs_core.posts import PostQuery, State, list_posts
from bbs_core.public.records import Count
from bbs_core.rows import texts
from bbs_core.settings import BoardSettings
from bbs_core.shelf import CHUNK_ROWS, Load, Shelf
from bbs_core.snapshots import ShelfRows, Snapshot, everything, newest
from bbs_core.store import reads
from bbs_core.store.commits import Commits
from bbs_core.store.items import NewPost
from bbs_core.store.readers import Readers

UNBOUNDED = 1 << 62
# In which a user can point to one by its words: some screens, and a few milliseconds.
SEARCHED_ROWS = 1000


class Board:
    """All posts of a board; call `load` before anything else, and everything from the loop's thread."""

    def __init__(self, settings: BoardSettings, commits: Commits, readers: Readers, cache: Cache) -> None:
        self._commits = commits
        self._readers = readers
        self._cache = cache
        self._dress(settings)
        self._shelf = Shelf(cache, self._loader(), array("q", [1]), Chunk())
        self._hidden = 0

    def load(self, connection: sa.Connection) -> None:
        """Load the newest posts, while nobody is served yet; how many there are makes no difference."""
        self._shelf = self._new_shelf(connection)
        self._hidden = reads.hidden_posts(connection, self._archived_through)

    async def change(self, settings: BoardSettings) -> None:
        """Show posts as other settings say; lists that are on their way keep the look that they began with."""
        self._dress(settings)
        shelf = await self._readers.read(self._new_shelf)
        # Posts that were kept meanwhile stand on the old one alone.
        while shelf.last_id < self._shelf.last_id:
            later = functools.partial(reads.posts_between, low=shelf.last_id + 1, high=UNBOUNDED)
            for row in await self._readers.read(later):
                self._put(shelf, row)
        old, self._shelf = self._shelf, shelf
        old.clear()
        await self._count_hidden()

    def _dress(self, settings: BoardSettings) -> None:
        self._window = settings.window
        self._archived_through = settings.archived_through
        self._frames = post_frames(settings.post_row, settings.visible_controls)

    def _new_shelf(self, connection: sa.Connection) -> Shelf:
        last_id, first_id = reads.last_post_id(connection), self._archived_through + 1
        starts = array("q", range(first_id, max(last_id, first_id) + 1, CHUNK_ROWS))
        return Shelf(self._cache, self._loader(), starts, _read(connection, starts[-1], UNBOUNDED, self._frames))

    async def _count_hidden(self) -> None:
        archived = self._archived_through
        self._hidden = await self._readers.read(lambda connection: reads.hidden_posts(connection, archived))

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
            if post.held_for:
                self._pass_over(self._shelf, post.id)
            else:
                self._shelf.add(post.id, self._frames(post))

    def caught_up(self, rows: Iterable[reads.StoredRow]) -> None:
        """Show posts that were committed by this node or another, as they were read back."""
        for row in rows:
            self._put(self._shelf, row)

    def rows(self) -> ShelfRows:
        """Return the rows of a list: all of them, or those of the window that is set."""
        return ShelfRows(self._snapshot)

    async def refresh(self, post_ids: Iterable[int]) -> None:
        """Read posts anew whose state has changed."""
        await self._shelf.reload(post_id for post_id in post_ids if post_id > self._archived_through)
        await self._count_hidden()

    async def newest_with(self, words: str, through_id: int) -> int | None:
        """Return the id of the newest row up to `through_id` that shows these words, among the newest SEARCHED_ROWS."""
        sought, left = words.casefold(), min(self._window or SEARCHED_ROWS, SEARCHED_ROWS)
        for index in range(self._shelf.index_of(through_id), -1, -1):
            chunk = await self._shelf.chunk(index)
            end = bisect_right(chunk.ids, through_id)
            found = _newest_with(chunk, max(0, end - left), end, sought)
            left -= end
            if found or left <= 0:
                return found
            await asyncio.sleep(0)  # the loop serves others in between
        return None

    async def count(self, after_id: int) -> Count:
        """Return how many of the posts after an id a list shows, and how many earlier ones its window leaves out."""
        after_id, last_id = max(after_id, self._archived_through), self._shelf.last_id
        hidden = await self._readers.read(lambda connection: reads.hidden_posts(connection, after_id, last_id))
        posts = max(0, last_id - after_id - hidden)
        if not self._window:
            return Count(posts, 0)
        row_ids = await (await newest(self._shelf, self._window)).row_ids()
        shown = sum(after_id < row_id <= last_id for row_id in row_ids)
        return Count(shown, max(0, posts - shown))

    async def newest(self, limit: int, after_id: int) -> list[str]:
        """Return the rows of the newest posts after an id, the oldest first, each whole."""
        return await self._found(PostQuery(State.VISIBLE, after_id=after_id), limit)

    async def search(self, words: str, limit: int) -> list[str]:
        """Return the rows of the newest posts that are shown and have all these words, as `newest` does."""
        return await self._found(PostQuery(State.VISIBLE, words=words), limit)

    async def _found(self, query: PostQuery, limit: int) -> list[str]:
        query = replace(query, after_id=max(query.after_id, self._archived_through))
        found = await self._readers.read(lambda connection: list_posts(connection, query, limit=limit))
        posts = [reads.StoredRow(one.id, one.username, one.address, one.text, one.at_ms, one.state) for one in found]
        return ["".join(texts(b"".join(self._frames(post)))) for post in reversed(posts)]

    def _put(self, shelf: Shelf, row: reads.StoredRow) -> None:
        if row.state == reads.VISIBLE:
            shelf.add(row.id, self._frames(row))
        else:
            self._pass_over(shelf, row.id)

    def _pass_over(self, shelf: Shelf, post_id: int) -> None:
        if post_id > shelf.last_id:
            shelf.pass_over(post_id)
            self._hidden += 1

    async def _snapshot(self) -> Snapshot:
        if not self._window:
            return await everything(self._shelf)
        snapshot = await newest(self._shelf, self._window)
        # What is hidden is counted a moment after the rows have changed.
        if not snapshot.is_cut:
            return snapshot
        earlier = self._shelf.last_id - self._archived_through - self._hidden - len(await snapshot.row_ids())
        if earlier > 0:
            posts = "1 earlier post is" if earlier == 1 else f"{earlier} earlier posts are"
            snapshot.lead = f"({posts} not shown.)"
        return snapshot

    def _loader(self) -> Load:
        frames = self._frames

        async def load(low: int, high: int) -> Chunk:
            return await self._readers.read(lambda connection: _read(connection, low, high, frames))

        return load


def _read(connection: sa.Connection, low: int, high: int, frames: Frames) -> Chunk:
    chunk = Chunk()
    # Where the chunk is empty, all before it counts as seen.
    chunk.last_id = low - 1
    for row in reads.posts_between(connection, low, high):
        if row.state == reads.VISIBLE:
            chunk.add(row.id, frames(row))
        chunk.last_id = row.id
    return chunk


def _newest_with(chunk: Chunk, first: int, end: int, sought: str) -> int | None:
    rows = zip(chunk.ids[first:end], texts(chunk.slice(first, end)), strict=True)
    return max((row_id for row_id, text in rows if sought in text.casefold()), default=None)
