"""Words in posts: an index that the writer fills later, as a trigger would cost nine tenths of all posts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager

import sqlalchemy as sa
import structlog

from bbs_core.errors import StoreError, UserError
from bbs_core.store.models import Position, Post

log = structlog.get_logger(__name__)

POSITION = "post_search"
# Rows in one transaction: some milliseconds, so that no post waits longer for its turn.
ROWS_AT_A_TIME = 200
INTERVAL_S = 1.0
WORDS_LIMIT = 10
# Of each word: one that is cut into thousands would be thousands of words.
WORD_CHARACTERS = 200
FEW_HITS = 200
# For whoever searches and does not want to wait for the next look: well below the deadline of a call.
HURRIED_STEPS = 50
# Likewise: a crowd that searches at once is no failure of the plugin by which it does.
PATIENCE_S = 2.0

_FILL = {
    "sqlite": "INSERT INTO post_search (rowid, text) SELECT id, text FROM posts WHERE id > :after AND id <= :through",
    # It refuses a megabyte of words, and the longest text, which only a plugin can post, has more.
    "postgresql": "INSERT INTO post_search (post_id, words) SELECT id, to_tsvector('simple', left(text, 200000))"
    " FROM posts WHERE id > :after AND id <= :through ON CONFLICT DO NOTHING",
}
_FIND = {
    "sqlite": "SELECT rowid AS id FROM post_search WHERE post_search MATCH :words",
    "postgresql": "SELECT post_id AS id FROM post_search WHERE words @@ to_tsquery('simple', :words)",
}
_FORGET = {
    "sqlite": "INSERT INTO post_search (post_search, rowid, text) SELECT 'delete', id, text FROM posts"
    # A text that was erased before is empty: to take it out twice would spoil the index.
    " WHERE id IN :ids AND text <> '' AND id <= (SELECT through_id FROM positions WHERE name = 'post_search')",
    "postgresql": "DELETE FROM post_search WHERE post_id IN :ids",
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
        self._searching = asyncio.Lock()

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
            await self._step()
            if self._newest() != newest:
                return

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait while somebody else searches, so that lists always find a reader, but not for long. Raises UserError."""
        try:
            await asyncio.wait_for(self._searching.acquire(), PATIENCE_S)
        except TimeoutError:
            raise UserError("Many are searching at the moment: try again soon.") from None
        try:
            yield
        finally:
            self._searching.release()

    async def hurry(self) -> bool:
        """Index what is there now, unless it is very much; returns whether all is indexed. Raises StoreUnavailable."""
        newest = self._newest()
        for _ in range(HURRIED_STEPS):
            if self._through >= newest:
                break
            await self._step()
        return self._through >= newest

    async def _step(self) -> None:
        self._through = max(self._through, await asyncio.wrap_future(self._call(index_more)))


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


def forget_words(connection: sa.Connection, *post_ids: int, merge: bool = True) -> None:
    """Take posts out of the index; call it before their texts are erased. Without a merge words stay in the file."""
    dialect = connection.dialect.name
    forget = sa.text(_FORGET[dialect]).bindparams(sa.bindparam("ids", expanding=True))
    connection.execute(forget, {"ids": post_ids})
    if merge and dialect == "sqlite":
        connection.execute(sa.text(_MERGE))


def matching(connection: sa.Connection, words: str) -> sa.Subquery:
    """Return the ids of the posts that contain all these words, as a table of `id`; `spam*` is what begins so.

    Only a star asks for beginnings: for them the index of SQLite goes through all that it has of such words.
    """
    found = words_in(words)
    if not found:
        return sa.select(Post.id).where(sa.false()).subquery()
    dialect = connection.dialect.name
    query = " ".join(map(_phrase, found)) if dialect == "sqlite" else " & ".join(map(_operand, found))
    hits = sa.text(_FIND[dialect]).bindparams(words=query).columns(sa.column("id", sa.BigInteger)).subquery()
    return hits if dialect == "sqlite" else _few(connection, hits)


def words_in(text: str) -> list[str]:
    """Return the words that are sought, each as it was typed and with a letter or digit in it."""
    words = text.replace("\0", " ").split()
    return [word[:WORD_CHARACTERS] for word in words if re.search(r"[^\W_]", word)][:WORDS_LIMIT]


# Within quotes all is text. The database cuts it as it has cut the posts, and what it cuts has to stand side by side.
def _phrase(word: str) -> str:
    return '"{}"'.format(word.replace('"', '""')) + "*" * word.endswith("*")


def _operand(word: str) -> str:
    return "'{}'".format(word.replace("\\", "\\\\").replace("'", "''")) + ":*" * word.endswith("*")


def _few(connection: sa.Connection, hits: sa.Subquery) -> sa.Subquery:
    """PostgreSQL guesses how rare a word is, and goes through all posts for a few; many are soon met on that way."""
    ids = connection.execute(sa.select(hits.c.id).limit(FEW_HITS + 1)).scalars().all()
    return hits if len(ids) > FEW_HITS else sa.select(Post.id).where(Post.id.in_(ids)).subquery()
