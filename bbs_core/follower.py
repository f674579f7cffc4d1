"""Make the live state match the database: acts of staff, and on a shared database all that other nodes committed."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
import structlog

from bbs_core import ledger
from bbs_core.board import Board
from bbs_core.errors import StoreUnavailable
from bbs_core.mail import Mail
from bbs_core.store import reads
from bbs_core.store.readers import Readers

log = structlog.get_logger(__name__)

# Rows read at a time while catching up.
PAGE_ROWS = 5000


class Follower:
    """Follow posts, messages and acts by their ids, which become visible in the order of commit."""

    def __init__(self, board: Board, mail: Mail, readers: Readers, shared: bool) -> None:
        self._board = board
        self._mail = mail
        self._readers = readers
        self._shared = shared
        self._last_act_id = 0
        self._turn = asyncio.Lock()
        self._rung = False
        self._answers: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin behind all that is there now, which the board and mail load by themselves."""
        self._last_act_id = await self._readers.read(ledger.last_act_id)
        await self._board.open()
        await self._mail.open()

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
                if self._shared:
                    await self._follow_posts()
                    await self._follow_messages()
                await self._follow_acts()
            except StoreUnavailable as error:
                log.warning("not_followed", error=str(error))

    async def _follow_posts(self) -> None:
        while rows := await self._readers.read(self._next_posts):
            self._board.caught_up(rows)

    def _next_posts(self, connection: sa.Connection) -> list[reads.StoredRow]:
        return reads.posts_after(connection, self._board.last_id, PAGE_ROWS)

    async def _follow_messages(self) -> None:
        while rows := await self._readers.read(self._next_messages):
            self._mail.caught_up(rows)

    def _next_messages(self, connection: sa.Connection) -> list[tuple[str, reads.StoredRow]]:
        return reads.messages_after(connection, self._mail.last_id, PAGE_ROWS)

    async def _follow_acts(self) -> None:
        while acts := await self._readers.read(lambda connection: ledger.acts_after(connection, self._last_act_id)):
            changed = [int(act["target_id"]) for act in acts if act["target_kind"] == "post"]
            await self._board.refresh(changed)
            self._last_act_id = acts[-1]["id"]
