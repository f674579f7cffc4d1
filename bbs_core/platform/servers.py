"""The board as one plugin acts on it when no user asks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from bbs_core.accounts import find_user, id_of
from bbs_core.errors import BBSError, Conflict, StoreError, UserError, for_users
from bbs_core.ledger import Actor, Ledger
from bbs_core.moderation import post_as_operator
from bbs_core.noticeboard import announce, keep_notice
from bbs_core.platform.outgoing import http_post
from bbs_core.platform.pool import busy
from bbs_core.platform.storages import Storages
from bbs_core.proposals import Proposal
from bbs_core.public.lines import User
from bbs_core.public.records import Post
from bbs_core.rows import encodable
from bbs_core.rules import MUTE, USER
from bbs_core.sanctions import add
from bbs_core.store import reads
from bbs_core.store.access import Connection
from bbs_core.store.readers import Readers

log = structlog.get_logger(__name__)

HOUR_S = 3600
MINUTE_S = 60
# Read at once, so that nobody's filter holds the history in memory.
POSTS_LIMIT = 1000
# Of one plugin: what has more to do at once has them wait for one another in a table of its own.
BEGUN_LIMIT = 100


class Online(Protocol):
    """Who is on line."""

    def names(self) -> Collection[str]: ...
    def has(self, name: str) -> bool: ...


@dataclass(frozen=True)
class Parts:
    """The parts of the board that plugins work with when no user asks."""

    presence: Online
    readers: Readers
    ledger: Ledger
    write: Callable[[Callable[[Connection], Any]], Future[Any]]
    operator_name: Callable[[], str]
    storages: Storages
    # Like `write`, where nothing that the board shows hangs on it.
    aside: Callable[[Callable[[Connection], Any]], Future[Any]]
    # What nobody waits for: the loop itself holds its tasks by a weak reference alone.
    begun: set[asyncio.Task[None]] = field(default_factory=set)


class PluginServer:
    """What a plugin is given as `server`; each act of it is in the ledger under the plugin's name."""

    __slots__ = ("_actor", "_failed", "_parts", "begun")

    def __init__(self, plugin: str, parts: Parts, failed: Callable[[str, BaseException], Any]) -> None:
        self._actor = Actor("plugin", plugin, "plugin")
        self._failed = failed
        # What goes on by itself, until the plugin ends.
        self.begun: dict[str, asyncio.Task[None]] = {}
        self._parts = parts

    @property
    def online(self) -> Collection[str]:
        """The names on line."""
        return self._parts.presence.names()

    async def user(self, name: str) -> User | None:
        """Return the user of a name, or None."""
        return await known_user(self._parts.readers, self._parts.presence, encodable(name))

    async def notify(self, name: str, text: str) -> None:
        """Keep a notice for a user. Raises UserError."""
        name, text = encodable(name), encodable(text)
        await self._write(lambda connection: keep_notice(connection, find_user(connection, name), text))

    async def announce(self, text: str, hours: int = 24) -> None:
        """Show a row to everyone. Raises UserError."""
        text, parts = encodable(text), self._parts
        await self._write(lambda connection: announce(connection, parts.ledger, self._actor, text, hours * HOUR_S))

    async def post(self, text: str) -> None:
        """Post in the name of the board. Raises UserError."""
        text, parts = encodable(text), self._parts
        name = parts.operator_name()
        await self._write(lambda connection: post_as_operator(connection, parts.ledger, self._actor, name, text))

    async def posts(self, newest: int = 100) -> list[Post]:
        """Return those that are shown of the newest posts."""
        count = max(0, min(newest, POSTS_LIMIT))
        return await self._parts.readers.read(lambda connection: newest_posts(connection, count))

    async def mute(self, name: str, minutes: int, reason: str) -> None:
        """Mute a user who is not muted. Raises UserError."""
        name, parts = encodable(name), self._parts
        proposal = Proposal(MUTE, USER, name, encodable(reason), expires_in_s=minutes * MINUTE_S)

        def do(connection: Connection) -> None:
            with contextlib.suppress(Conflict):
                add(connection, parts.ledger, self._actor, proposal)

        await self._write(do)

    def mute_soon(self, name: str, minutes: int, reason: str) -> None:
        """Mute a user who is not muted; nobody waits for it, and what hinders it stands in the log."""
        muting = asyncio.ensure_future(self._muted(name, minutes, reason))
        self._parts.begun.add(muting)
        muting.add_done_callback(self._parts.begun.discard)

    async def _muted(self, name: str, minutes: int, reason: str) -> None:
        try:
            await self.mute(name, minutes, reason)
        except BBSError as error:
            log.error("not_muted", plugin=self._actor.name, why=str(error))

    async def http_post(
        self, url: str, body: str, secret: str = "", *, timeout_s: float = 10.0, allow_private: bool = False
    ) -> None:
        """Send JSON to another server. Raises UserError."""
        await http_post(url, body.encode(), secret, timeout_s, allow_private)

    def begin(self, name: str, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Have work go on by itself, unless that of this name still does. Raises UserError."""
        if len(self.begun) >= BEGUN_LIMIT and name not in self.begun:
            raise busy(self._actor.name)
        if name not in self.begun:
            self.begun[name] = asyncio.ensure_future(self._go_on(name, work(*args)))
            self.begun[name].add_done_callback(lambda _: self.begun.pop(name))

    def end(self) -> None:
        """End what goes on by itself."""
        for task in self.begun.values():
            task.cancel()

    async def _go_on(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except (UserError, StoreError) as error:
            log.warning("not_done", plugin=self._actor.name, work=name, why=str(error))
        except BaseException as error:  # noqa: BLE001 - SystemExit would end the loop, and the server with it
            self._failed(name, error)

    async def _write(self, do: Callable[[Connection], Any]) -> None:
        try:
            await asyncio.wrap_future(self._parts.write(do))
        except BBSError as error:
            raise for_users(error) from None


def newest_posts(connection: Connection, count: int) -> list[Post]:
    """Return those of the newest posts that are shown, the oldest first."""
    last_id = reads.last_post_id(connection)
    found = reads.posts_between(connection, last_id + 1 - count, last_id + 1)
    return [Post(one.id, one.name, one.address, one.text, one.at_ms) for one in found if one.state == reads.VISIBLE]


async def known_user(readers: Readers, presence: Online, name: str) -> User | None:
    """Return the user of a name, or None where nobody has ever heard of it."""
    user_id = await readers.read(lambda connection: id_of(connection, name))
    return None if user_id is None else User(user_id, name, presence.has(name))
