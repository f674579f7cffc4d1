"""The board as one plugin acts on it when no user asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from bbs_core.accounts import find_user, id_of
from bbs_core.errors import BBSError, UserError
from bbs_core.ledger import Actor, Ledger
from bbs_core.moderation import post_as_operator
from bbs_core.noticeboard import announce, keep_notice
from bbs_core.presence import Presence
from bbs_core.public.lines import User
from bbs_core.rows import encodable
from bbs_core.store.access import Connection
from bbs_core.store.readers import Readers

HOUR_S = 3600


@dataclass(frozen=True)
class Parts:
    """The parts of the board that plugins work with when no user asks."""

    presence: Presence
    readers: Readers
    ledger: Ledger
    write: Callable[[Callable[[Connection], Any]], Future[Any]]
    operator_name: Callable[[], str]


class PluginServer:
    """What a plugin is given as `server`; each act of it is in the ledger under the plugin's name."""

    __slots__ = ("_actor", "_parts")

    def __init__(self, plugin: str, parts: Parts) -> None:
        self._actor = Actor("plugin", plugin, "plugin")
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

    async def _write(self, do: Callable[[Connection], Any]) -> None:
        try:
            await asyncio.wrap_future(self._parts.write(do))
        except BBSError as error:
            raise UserError(str(error)) from None


async def known_user(readers: Readers, presence: Presence, name: str) -> User | None:
    """Return the user of a name, or None where nobody has ever heard of it."""
    user_id = await readers.read(lambda connection: id_of(connection, name))
    return None if user_id is None else User(user_id, name, presence.has(name))
