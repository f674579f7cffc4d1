"""The board and the mail as the plugins of one session see them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from bbs_core import reports
from bbs_core.accounts import find_user
from bbs_core.clock import now_ms
from bbs_core.errors import BBSError, UserError, for_users
from bbs_core.platform.screening import Screen, Screened
from bbs_core.posts import PAGE_LIMIT
from bbs_core.public.records import Count
from bbs_core.rows import encodable
from bbs_core.search import words_in
from bbs_core.services import Services
from bbs_core.snapshots import ShelfRows, Snapshot
from bbs_core.store.access import Connection
from bbs_core.store.items import Author, NewMessage, NewPost

T = TypeVar("T")
# A frame has at most 9,999 characters; what a plugin makes may be longer, and one row must not fill the memory.
TEXT_CHARACTERS = 1_000_000
# How much of a text is repeated to its author when it was not kept.
QUOTE_CHARACTERS = 40


class Speaker(Author, Protocol):
    """The session whose user writes."""

    @property
    def username(self) -> str: ...
    @property
    def address(self) -> str: ...
    def may_write(self, kind: str) -> str: ...
    def handed_in(self, ticket: int) -> None: ...
    async def stored(self) -> None: ...
    def notify(self, text: str) -> None: ...
    def in_loop(self) -> bool: ...
    def later(self, kind: str, text: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None: ...


class SessionBoard:
    """The public board, with what of it this session was shown."""

    __slots__ = ("_services", "_session", "_shown_through")

    def __init__(self, session: Speaker, services: Services) -> None:
        self._session = session
        self._services = services
        self._shown_through = 0

    def post(self, text: str) -> None:
        """Hand a post to the writer, once the plugins have screened it. Raises UserError."""
        session, text = self._session, storable(text)
        held_for = session.may_write("post")
        screen = self._services.dispatch.post_screen
        if screen.idle:
            self._hand_in(text, held_for)
        elif screen.immediate and session.in_loop():
            screened = _screened(screen, "post", session=session, text=text)
            self._hand_in(screened.text, held_for or screened.held_for)
        else:
            session.later("post", text, lambda: self._screen_and_hand_in(text, held_for))

    async def _screen_and_hand_in(self, text: str, held_for: str) -> None:
        screened = await self._services.dispatch.post_screen.later(session=self._session, text=text)
        self._hand_in(screened.text, held_for or screened.held_for)

    def _hand_in(self, text: str, held_for: str) -> None:
        session = self._session
        new = NewPost(session, session.username, session.address, storable(text), now_ms(), 0, held_for)
        session.handed_in(self._services.board.post(new))
        if held_for:
            session.notify(f"Your post waits for a review, and nobody sees it until then: {quoted(text)}")

    def rows(self) -> ShelfRows:
        """Return the rows of `list`."""
        return _noted(self._services.board.rows(), self._show)

    async def report(self, words: str) -> None:
        """Ask the staff to look at the newest row that was shown and contains these words. Raises UserError."""
        shown = self._shown_through
        post_id = await self._services.board.newest_with(words, shown) if shown else None
        if post_id is None:
            raise UserError("None of the newest rows that you were shown has these words.")
        await _report(self._services, reports.POST, post_id, self._session.username, words)

    @property
    def shown_id(self) -> int:
        """The id of the newest post that the session was shown."""
        return self._shown_through

    async def count(self, after_id: int = 0) -> Count:
        """Return how many of the posts after an id `list` shows. Raises UserError."""
        await self._session.stored()
        return await _told(self._services.board.count(after_id))

    async def newest(self, limit: int, after_id: int = 0) -> list[str]:
        """Return the rows of the newest posts after an id, which count as shown then. Raises UserError."""
        await self._session.stored()
        board = self._services.board
        last_id, rows = board.last_id, await _told(board.newest(min(limit, PAGE_LIMIT), after_id))
        self._shown_through = max(self._shown_through, last_id)
        return rows

    async def search(self, words: str, limit: int = 20) -> list[str]:
        """Return the rows of the newest posts with these words. Raises UserError."""
        words = storable(words)
        if not words_in(words):
            raise UserError("A search needs a word, with a letter or a digit in it.")
        await self._session.stored()
        async with self._services.indexer.turn():
            if not await _told(self._services.indexer.hurry()):
                raise UserError("So much was posted that the search has not seen all of it: try again in a moment.")
            return await _told(self._services.board.search(words, min(limit, PAGE_LIMIT)))

    def _show(self, snapshot: Snapshot) -> None:
        self._shown_through = snapshot.last_id


class SessionMail:
    """The mail of this session's name, with what of it this session was shown."""

    __slots__ = ("_services", "_session", "_shown_through")

    def __init__(self, session: Speaker, services: Services) -> None:
        self._session = session
        self._services = services
        self._shown_through = 0

    def send(self, to: str, text: str) -> None:
        """Hand a message to the writer, once the plugins have screened it. Raises UserError."""
        session, to, text = self._session, storable(to), storable(text)
        session.may_write("message")
        screen = self._services.dispatch.message_screen
        if screen.idle:
            self._hand_in(to, text)
        elif screen.immediate and session.in_loop():
            self._hand_in(to, _screened(screen, "message", session=session, to=to, text=text).text)
        else:
            session.later("message", text, lambda: self._screen_and_hand_in(to, text))

    async def _screen_and_hand_in(self, to: str, text: str) -> None:
        screen = self._services.dispatch.message_screen
        self._hand_in(to, (await screen.later(session=self._session, to=to, text=text)).text)

    def _hand_in(self, to: str, text: str) -> None:
        session = self._session
        new = NewMessage(session, session.username, session.address, to, storable(text), now_ms())
        session.handed_in(self._services.mail.send(new))

    def rows(self) -> ShelfRows:
        """Return the rows of `listdm`."""
        return _noted(self._services.mail.rows(self._session.username), self._show)

    async def report(self, place: int) -> None:
        """Ask the staff to look at a row of the last `listdm`, the first of which is 1. Raises UserError."""
        name = self._session.username
        message_id = await self._services.mail.nth(name, place - 1, self._shown_through) if place > 0 else None
        if message_id is None:
            raise UserError(f"Your last listdm had no row {place}.")
        await _report(self._services, reports.MESSAGE, message_id, name, "")

    @property
    def shown_id(self) -> int:
        """The id of the newest message that the session was shown."""
        return self._shown_through

    async def count(self, after_id: int = 0) -> int:
        """Return how many of the messages after an id `listdm` shows. Raises UserError."""
        await self._session.stored()
        return await _told(self._services.mail.count(self._session.username, after_id))

    async def newest(self, limit: int, after_id: int = 0) -> list[str]:
        """Return the rows of the newest messages after an id, which count as shown then. Raises UserError."""
        await self._session.stored()
        mail = self._services.mail
        last_id, rows = mail.last_id, await _told(mail.newest(self._session.username, min(limit, PAGE_LIMIT), after_id))
        self._shown_through = max(self._shown_through, last_id)
        return rows

    def _show(self, snapshot: Snapshot) -> None:
        self._shown_through = snapshot.last_id


def _noted(rows: ShelfRows, note: Callable[[Snapshot], None]) -> ShelfRows:
    """Have what is shown noted at the moment when it is."""

    async def snapshot() -> Snapshot:
        taken = await rows.snapshot()
        note(taken)
        return taken

    return ShelfRows(snapshot)


async def _told(asked: Awaitable[T]) -> T:
    """Await what the board is asked; that it cannot answer is no failure of the plugin."""
    try:
        return await asked
    except BBSError as error:
        raise for_users(error) from None


async def _report(services: Services, kind: str, target_id: int, name: str, words: str) -> None:
    def do(connection: Connection) -> int:
        return reports.report(connection, kind, target_id, find_user(connection, name), words)

    await _told(asyncio.wrap_future(services.write(do)))


def _screened(screen: Screen, kind: str, **values: Any) -> Screened:
    """Return what the plugins make of a text. Raises UserError, which tells as much as it would later."""
    try:
        return screen.now(**values)
    except BBSError as error:
        raise UserError(not_kept(kind, values["text"], error)) from error


def not_kept(kind: str, text: str, error: Exception) -> str:
    """Say to its author which "post" or "message" is not kept, and why."""
    return f"Your {kind} was not kept: {quoted(text)} ({error})"


def quoted(text: str) -> str:
    """Return so much of a text as its author knows it by."""
    return text if len(text) <= QUOTE_CHARACTERS else text[:QUOTE_CHARACTERS] + "…"


def storable(text: str) -> str:
    """PostgreSQL stores no NUL; the sign for it is shown alike (docs/protocol.md, Differences)."""
    text = encodable(text)
    if len(text) > TEXT_CHARACTERS:
        raise UserError(f"A text has at most {TEXT_CHARACTERS:,} characters.")
    return text.replace("\0", "\u2400") if "\0" in text else text
