"""Make the live state match the database: acts of staff, and on a shared database all that other nodes committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import sqlalchemy as sa
import structlog

from bbs_core import ledger, noticeboard
from bbs_core.board import Board
from bbs_core.errors import StoreError
from bbs_core.mail import Mail
from bbs_core.noticeboard import Noticeboard
from bbs_core.store import reads
from bbs_core.store.readers import Readers

log = structlog.get_logger(__name__)

# Rows read at a time while catching up.
PAGE_ROWS = 5000
# Nobody else rings for an act that was committed and could not be read back.
RETRY_S = 0.5


class News(NamedTuple):
    """What was committed since the last look."""

    posts: list[reads.StoredRow]
    messages: list[tuple[str, reads.StoredRow]]
    notices: list[tuple[int, bytes]]
    acts: list[sa.RowMapping]


class Follower:
    """Follow posts, messages, notices and acts by their ids, which become visible in the order of commit."""

    def __init__(
        self,
        board: Board,
        mail: Mail,
        noticeboard: Noticeboard,
        apply: Callable[[Sequence[sa.RowMapping]], Awaitable[None]],
        readers: Readers,
        shared: bool,
    ) -> None:
        self._board = board
        self._mail = mail
        self._noticeboard = noticeboard
        self._apply = apply
        self._readers = readers
        self._shared = shared
        self._last_act_id = 0
        self._turn = asyncio.Lock()
        self._rung = False
        self._answers: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin behind all that is there now; nobody is served before."""
        await self._readers.read(self._load)

    def _load(self, connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":
            # Of what other nodes commit meanwhile nothing is seen, so that all of it is followed.
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        self._last_act_id = ledger.last_act_id(connection)
        for part in (self._board, self._mail, self._noticeboard):
            part.load(connection)

    def ring(self) -> None:
        """Follow soon; rings that come before that has begun are one."""
        if not self._rung:
            self._rung = True
            answer = asyncio.ensure_future(self.follow())
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def follow(self) -> None:
        """Take over all that is new; what cannot be read now is taken over the next time."""
        async with self._turn:
            self._rung = False
            try:
                while await self._take_over(await self._readers.read(self._read)):
                    pass
            except StoreError as error:
                log.warning("not_followed", error=str(error))
                asyncio.get_running_loop().call_later(RETRY_S, self.ring)

    def _read(self, connection: sa.Connection) -> News:
        """Read all that is new in one go: on PostgreSQL every own commit waits for this."""
        posts, messages = [], []
        if self._shared:
            posts = reads.posts_after(connection, self._board.last_id, PAGE_ROWS)
            messages = reads.messages_after(connection, self._mail.last_id, PAGE_ROWS)
        notices = noticeboard.waiting(connection, self._noticeboard.last_id)
        return News(posts, messages, notices, ledger.acts_after(connection, self._last_act_id))

    async def _take_over(self, news: News) -> bool:
        """Show the news; returns whether there may be more."""
        self._board.caught_up(news.posts)
        self._mail.caught_up(news.messages)
        self._noticeboard.waits_for(news.notices)
        if news.acts:
            await self._apply(news.acts)
            self._last_act_id = news.acts[-1]["id"]
        return max(len(news.posts), len(news.messages)) == PAGE_ROWS or len(news.acts) == ledger.ACT_LIMIT
