"""A user on the board of a test: what it types, and what it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from typing import Self

from bbs_core import rows
from bbs_core.errors import BBSError
from bbs_core.public.verdicts import Refuse
from bbs_core.session import Session
from bbs_core.testing.running import Running

# Within a class that has a method of that name.
Rows = list[str]

PACK_BYTES = 65_536
HUNG_UP = "The line was closed."


class LineEnded(BBSError):
    """The visitor is not on line any more."""


class _Wire:
    """What a session sends to; it keeps all until it is read."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._sent = bytearray()
        self.wake = ended

    async def send(self, pack: bytes | bytearray) -> None:
        """Take a pack of whole frames."""
        self._sent += pack

    def pack_bytes(self) -> int:
        """Return the size that a pack must not pass."""
        return PACK_BYTES

    def read(self) -> Rows:
        """Return the rows of an answer that was sent, without their count."""
        sent, self._sent = self._sent, bytearray()
        return [*rows.texts(sent)][1:]


class Visitor:
    """A user on line, with a real session of the board and no socket."""

    def __init__(self, board: Running, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self._board = board
        self._services = board.app.server.services
        self._wire = _Wire(lambda: board.begin(self._farewell))
        self._session = Session(self._wire, address, self._services)
        self._turn = asyncio.Lock()
        self._refusal = ""
        self._unasked: Rows = []
        board.at_end(self._left)
        board.ask(self._enter())

    def __await__(self) -> Generator[None, None, Self]:
        """Return the visitor, for whom nothing is left to wait: it reads like the lines that follow."""
        yield from ()
        return self

    async def send(self, text: str) -> Sequence[str]:
        """Send one frame; returns the rows that answer it, notices without their mark. Raises LineEnded."""
        return await self._board.do(self._answer(text))

    async def post(self, text: str) -> Sequence[str]:
        """Post; returns the notices that answer it."""
        return await self.send(text)

    async def dm(self, to: str, text: str) -> Sequence[str]:
        """Send a direct message; returns the notices that answer it."""
        return await self._board.do(self._answer("dm", to, text))

    async def list(self) -> Sequence[str]:
        """Return the rows of `list`."""
        return await self.send("list")

    async def listdm(self) -> Sequence[str]:
        """Return the rows of `listdm`."""
        return await self.send("listdm")

    async def leave(self) -> None:
        """Hang up."""
        await self._board.settle(self._left())

    @property
    def notices(self) -> Sequence[str]:
        """All that this user was told that answers no frame of theirs."""
        self._board.ask(self._hear())
        return [*self._unasked]

    @property
    def ended(self) -> str:
        """Why the line has ended, or was not taken; nothing while it is good."""
        return self._refusal or self._session.farewell or (HUNG_UP if self._session.gone else "")

    async def _enter(self) -> None:
        """Come in as a client does, whose first frame is the name."""
        ban = self._services.rules.address_ban(self.address)
        hooks = self._services.dispatch.plugins.hooks
        verdict = Refuse(ban.sentence()) if ban else await hooks.bbs_screen_connection(address=self.address)
        if isinstance(verdict, Refuse):
            self._refusal = verdict.reason
        else:
            await self._take(self.name)
        await self._board.quiet()

    async def _left(self) -> None:
        if self._session.named:
            await self._session.left()

    async def _answer(self, *frames: str) -> Rows:
        # What waited before is no answer to this.
        await self._hear()
        answer = [row for text in frames for row in await self._take(text)]
        answer += await self._told()
        # Now that all is committed, plugins hear of it, and may have a word for this user.
        await self._board.quiet()
        return answer + await self._told()

    async def _take(self, text: str) -> Rows:
        async with self._turn:
            if self.ended:
                raise LineEnded(f"{self.name} is not on line: {self.ended}")
            waiting = self._session.take(text)
            if waiting is not None:
                await waiting
            answer = self._wire.read()
            await self._see_out()
        return answer

    async def _hear(self) -> None:
        self._unasked += await self._told()

    async def _told(self) -> Rows:
        """Return the notices that wait, as they come with the next list."""
        async with self._turn:
            if self.ended:
                return []
            await self._session.show_notices()
            return [row.removeprefix(rows.NOTICE_MARK) for row in self._wire.read()]

    async def _farewell(self) -> None:
        async with self._turn:
            await self._see_out()

    async def _see_out(self) -> None:
        """End the line where the session has come to an end, as a connection does."""
        session = self._session
        if session.farewell is not None and not session.over:
            await session.say_goodbye()
            self._unasked += [row.removeprefix(rows.NOTICE_MARK) for row in self._wire.read()[1:]]
        if session.over:
            await session.left()
