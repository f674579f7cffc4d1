"""One live line: its name, the frames it is collecting, what it waits for, and what it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Sequence

from bbs_core.accounts import id_of
from bbs_core.allowance import Allowance
from bbs_core.answers import Line, send_answer
from bbs_core.clock import now_ms
from bbs_core.dispatch import Command, Request, fetched
from bbs_core.errands import Errand, Errands
from bbs_core.errors import BBSError, UserError
from bbs_core.facades import SessionBoard, SessionMail, not_kept, storable
from bbs_core.notices import Notices
from bbs_core.public.lines import CommandInfo, User
from bbs_core.public.verdicts import Refuse
from bbs_core.rows import encodable
from bbs_core.services import Services
from bbs_core.snapshots import ShelfRows
from bbs_core.standing import Standing
from bbs_core.store.items import Departure, Visit, new_session_id

ENDED = "Your session was ended."


class Session:
    """A user's line, fed with the texts of frames one after the other; it is what plugins get as `session`."""

    __slots__ = (
        "_allowance",
        "_announced_id",
        "_arrived",
        "_collected",
        "_collecting",
        "_errands",
        "_line",
        "_named",
        "_notices",
        "_services",
        "_shown_notices",
        "_standing",
        "_ticket",
        "_username",
        "_visit_ticket",
        "address",
        "board",
        "farewell",
        "gone",
        "id",
        "mail",
        "over",
    )

    def __init__(self, line: Line, address: str, services: Services) -> None:
        self._line = line
        self._services = services
        self._named = False
        self._collecting: Command | None = None
        self._collected: list[str] = []
        self._notices = Notices()
        self._errands: Errands | None = None
        self._ticket = 0
        self._visit_ticket = 0
        self._allowance = Allowance(services.live.now.limits)
        self._standing = Standing(services.rules, address)
        self._arrived = False
        self._shown_notices: Sequence[int] = ()
        self._announced_id = 0
        self.id = new_session_id()
        self.address = address
        self.board = SessionBoard(self, services)
        self.mail = SessionMail(self, services)
        self._username = ""
        self.farewell: str | None = None
        self.over = False
        self.gone = False

    @property
    def named(self) -> bool:
        """Whether the user has given a name."""
        return self._named

    @property
    def username(self) -> str:
        """The name that the user gave."""
        return self._username

    @property
    def commands(self) -> Sequence[CommandInfo]:
        """Every command that works now and that this user may use."""
        return self._services.dispatch.commands_for(self)

    @property
    def online(self) -> Collection[str]:
        """The names on line."""
        return self._services.presence.names()

    async def user(self, name: str) -> User | None:
        """Return the user of a name, or None where nobody has ever heard of it."""
        # Who has just come is known once their visit is stored.
        await self._services.commits.decided(self._visit_ticket)
        user_id = await self._services.readers.read(lambda connection: id_of(connection, storable(name)))
        return None if user_id is None else User(user_id, name, self._services.presence.has(name))

    def notify(self, text: str) -> None:
        """Keep a notice for the next list; from any thread."""
        self._notices.add(encodable(text))

    def end(self, reason: str = ENDED) -> None:
        """Send the user the reason and all notices, and take nothing more; from any thread."""
        if self.farewell is None:
            self.farewell = encodable(reason)
            self._line.wake()

    def refused(self, kind: str, text: str, error: Exception) -> None:
        """Tell the user which post or message is not kept."""
        self.notify(not_kept(kind, text, error))

    def handed_in(self, ticket: int) -> None:
        """Remember the last row that was handed to the writer for this session."""
        self._ticket = ticket

    async def stored(self) -> None:
        """Wait until all that was handed in is stored, or refused."""
        await self._services.commits.decided(self._ticket)

    def in_loop(self) -> bool:
        """Whether this is the loop's thread."""
        try:
            return asyncio.get_running_loop() is self._services.loop
        except RuntimeError:
            return False

    def later(self, kind: str, text: str, work: Errand) -> None:
        """Hand a "post" or "message" in when those before it are; from any thread."""

        async def errand() -> None:
            try:
                await work()
            except BBSError as error:
                self.refused(kind, text, error)

        def put() -> None:
            self._errands = self._errands or Errands()
            if not self._errands.put(errand):
                self.refused(kind, text, UserError("too many wait already"))

        if self.in_loop():
            put()
        else:
            self._services.loop.call_soon_threadsafe(put)

    def take(self, text: str) -> Awaitable[None] | None:
        """Take the text of a frame, and run the command that it completes; what is returned has to be awaited first.

        Almost every post is done when this returns: a coroutine for each would cost as much as the post.
        """
        if not self._named:
            return self._enter(storable(text))
        if self._standing.is_banned():
            return self._take_from_banned(text)
        if not self._arrived:
            return self._arrive_and_take(text)
        if self._shown_notices:
            self._confirm_notices()
        request = self._request(text)
        return None if request is None else self._start(request)

    async def left(self) -> None:
        """Wait until all that was sent is stored, and tell that the line is gone; once."""
        if self.gone:
            return
        self.gone = True
        await self._all_decided()
        if self._arrived:
            self._services.presence.leave(self)
            await self._depart()
            await self._tell("bbs_session_closed")

    async def show_notices(self) -> None:
        """Send what waits, as a list without rows would once what was sent is decided; for tests."""
        if self._shown_notices:
            self._confirm_notices()
        await self._all_decided()
        await self._show([])

    async def say_goodbye(self) -> None:
        """Send the answer to a list that has not been asked for: the user reads the reason there."""
        self.over = True
        await self._all_decided()
        await send_answer(self._line, [self.farewell or ENDED], self._notices.take())

    async def _all_decided(self) -> None:
        """Wait until all that was sent is stored, or refused."""
        if self._errands is not None:
            await self._errands.done()
        await self.stored()

    async def _enter(self, name: str) -> None:
        self._named = True
        self._username = await self._authenticated(name)
        self._standing.judge(self._username)
        if self._standing.ban is None:
            await self._arrive()

    async def _authenticated(self, name: str) -> str:
        """Return the name that plugins know the user by; whoever is refused is kept out as one who is banned."""
        try:
            found = await self._services.dispatch.plugins.hooks.bbs_authenticate(name=name, address=self.address)
        except BBSError as error:
            found = Refuse(str(error))
        if isinstance(found, Refuse):
            self._standing.refuse(name, encodable(found.reason))
        return storable(found) if isinstance(found, str) else name

    async def _arrive(self) -> None:
        commits = self._services.commits
        # All who wait are woken at once, and those who come last find it full again.
        while commits.full:
            await commits.room()
        self._arrived = True
        self._services.presence.enter(self)
        self._visit_ticket = commits.append(Visit(self._username, self.address, now_ms(), self.id))
        if self._standing.mute is not None:
            self.notify(self._standing.mute.sentence())
        await self._tell("bbs_session_opened")

    async def _arrive_and_take(self, text: str) -> None:
        """The ban that kept this session out is over."""
        await self._arrive()
        waiting = self.take(text)
        if waiting is not None:
            await waiting

    async def _depart(self) -> None:
        commits = self._services.commits
        while commits.full:
            await commits.room()
        commits.append(Departure(self.id))

    def _take_from_banned(self, text: str) -> Awaitable[None] | None:
        """Answer every list with the reason, and accept nothing."""
        request = self._request(text)
        if request is None or not request.command.listing:
            self.over = request is not None and request.command.ends
            return None
        assert self._standing.ban is not None
        return send_answer(self._line, [self._standing.ban.sentence()], ())

    def may_write(self, kind: str) -> str:
        """Return why a "post" or "message" is held, or nothing. Raises UserError where it may not be written."""
        return self._standing.may_write(kind)

    async def _tell(self, hook: str) -> None:
        await getattr(self._services.dispatch.plugins.hooks, hook)(session=self)

    def _request(self, text: str) -> Request | None:
        """Return the request that this frame completes."""
        if self._collecting is None:
            found = self._services.dispatch.request(text)
            if isinstance(found, Request):
                return found
            self._collecting, self._collected = found, []
            return None
        self._collected.append(text)
        command = self._collecting
        if len(self._collected) < len(command.frames):
            return None
        self._collecting = None
        return Request(command, dict(zip(command.frames, self._collected, strict=True)))

    def _start(self, request: Request) -> Awaitable[None] | None:
        if request.command.listing:
            return self._list(request)
        delay_s = self._allowance.take(self._services.live.now.limits)
        answer = None if delay_s else self._services.dispatch.perform_now(self, request)
        if not isinstance(answer, list):
            return self._run(request, answer, delay_s)
        return self._done(request.command, answer)

    async def _list(self, request: Request) -> None:
        await self._all_decided()
        await self._show(await self._services.dispatch.rows(self, request))

    async def _run(self, request: Request, answer: ShelfRows | None, delay_s: float) -> None:
        """Run a command that needs waiting, or fetch the rows that one has answered."""
        if delay_s:
            await asyncio.sleep(delay_s)
        dispatch = self._services.dispatch
        notices = await (fetched(answer) if answer is not None else dispatch.perform(self, request))
        room = self._done(request.command, notices)
        if room is not None:
            await room

    def _done(self, command: Command, notices: list[str]) -> Awaitable[None] | None:
        for notice in notices:
            self.notify(notice)
        if command.ends:
            self.over = True
        commits = self._services.commits
        if self._errands is not None and self._errands.busy:
            return self._errands.done()
        return commits.room() if commits.full else None

    async def _show(self, rows: ShelfRows | list[str]) -> None:
        noticeboard = self._services.noticeboard
        announced = noticeboard.new_announcements(self._announced_id)
        kept = await noticeboard.kept_for(self._username)
        texts = [one.text for one in announced] + [one.text for one in kept]
        await send_answer(self._line, rows, [*self._notices.take(), *texts])
        self._shown_notices = [one.id for one in kept]
        if announced:
            self._announced_id = announced[-1].id

    def _confirm_notices(self) -> None:
        """Whoever sends another frame has read what was sent before."""
        self._services.noticeboard.delivered(self._shown_notices)
        self._shown_notices = ()
