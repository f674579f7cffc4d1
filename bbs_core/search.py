"""Words in posts: an index that the writer fills later, as a trigger would cost nine tenths of all posts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Future

import sqlalchemy as sa
import structlog

from bbs_core.errors import StoreError
from bbs_core.store.models import Position, Post

log = structlog.get_logger(__name__)

POSITION = "post_search"
# Rows in one transaction: some milliseconds, so that no post waits longer for its turn.
ROWS_AT_A_TIME = 200
INTERVAL_S = 1.0
WORDS_LIMIT = 10
FEW_HITS = 200

_FILL = {
    "sqlite": "INSERT INTO post_search (rowid, text) SELECT id, text FROM posts WHERE id > :after AND id <= :through",
    "postgresql": "INSERT INTO post_search (post_id, words) SELECT id, to_tsvector('simple', text) FROM posts"
    " WHERE id > :after AND id <= :through ON CONFLICT DO NOTHING",
}
_FIND = {
    "sqlite": "SELECT rowid AS id FROM post_search WHERE post_search MATCH :words",
    "postgresql": "SELECT post_id AS id FROM post_search WHERE words @@ to_tsquery('simple', :words)",
}
_FORGET = {
    "sqlite": "INSERT INTO post_search (post_search, rowid, text) SELECT 'delete', id, text FROM posts"
    " WHERE id = :id AND id <= (SELECT through_id FROM positions WHERE name = 'post_search')",
    "postgresql": "DELETE FROM post_search WHERE post_id = :id",
}
# Until its parts are merged, SQLite's index keeps the words of rows that were taken out.
_MERGE = "INSERT INTO post_search (post_search) VALUES ('optimize')"


class Indexer:
    """Fill the index while the board runs: a little each second, and all that is there when nobody posts."""

    def __init__(
        self, call: Callable[[Callable[[sa.Connection], int]], Future[int]], newest: Callable[[], int]
    ) -> None:
        self._call = call
        self._newest = newest
        self._through = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in the running loop."""
        self._task = asyncio.create_task(self._go_on())

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.catch_up()
            except StoreError as error:
                log.warning("search_behind", error=str(error))

    async def catch_up(self) -> None:
        """Index all that is there, or one step of it while posts come, which go first. Raises StoreUnavailable."""
        while self._through < (newest := self._newest()):
            self._through = await asyncio.wrap_future(self._call(index_more))
            if self._newest() != newest:
                return


def index_more(connection: sa.Connection) -> int:
    """Index the next posts, at most ROWS_AT_A_TIME; returns the id up to which all are indexed."""
    after = connection.execute(sa.select(Position.through_id).where(Position.name == POSITION)).scalar()
    last = connection.execute(sa.select(sa.func.max(Post.id))).scalar() or 0
    through = min(last, (after or 0) + ROWS_AT_A_TIME)
    connection.execute(sa.text(_FILL[connection.dialect.name]), {"after": after or 0, "through": through})
    if after is None:
        connection.execute(sa.insert(Position).values(name=POSITION, through_id=through))
    else:
        connection.execute(sa.update(Position).where(Position.name == POSITION).values(through_id=through))
    return through


def forget_words(connection: sa.Connection, post_id: int) -> None:
    """Take a post out of the index; call it before its text is erased."""
    dialect = connection.dialect.name
    connection.execute(sa.text(_FORGET[dialect]), {"id": post_id})
    if dialect == "sqlite":
        connection.execute(sa.text(_MERGE))


def matching(connection: sa.Connection, words: str) -> sa.Subquery:
    """Return the ids of the posts that contain all these words, as a table of `id`; `spam*` is what begins so.

    Only a star asks for beginnings: for them the index of SQLite goes through all that it has of such words.
    """
    dialect = connection.dialect.name
    found = [(word, bool(star)) for word, star in re.findall(r"(\w+)(\*?)", words)][:WORDS_LIMIT]
    if not found:
        return sa.select(Post.id).where(sa.false()).subquery()
    if dialect == "sqlite":
        query = " ".join(f'"{word}"' + "*" * star for word, star in found)
    else:
        query = " & ".join(f"'{word}'" + ":*" * star for word, star in found)
    hits = sa.text(_FIND[dialect]).bindparams(words=query).columns(sa.column("id", sa.BigInteger)).subquery()
    return hits if dialect == "sqlite" else _few(connection, hits)


def _few(connection: sa.Connection, hits: sa.Subquery) -> sa.Subquery:
    """PostgreSQL guesses how rare a word is, and goes through all posts for a few; many are soon met on that way."""
    ids = connection.execute(sa.select(hits.c.id).limit(FEW_HITS + 1)).scalars().all()
    return hits if len(ids) > FEW_HITS else sa.select(Post.id).where(Post.id.in_(ids)).subquery()
