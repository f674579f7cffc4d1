"""What staff did, made true in this process: the follower hands over every act, on whichever node it was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import sqlalchemy as sa

from bbs_core import sanctions
from bbs_core.board import Board
from bbs_core.erasure import ERASE, posts_of, sanctions_of
from bbs_core.ledger import Ledger
from bbs_core.mail import Mail
from bbs_core.noticeboard import Noticeboard
from bbs_core.presence import Presence
from bbs_core.rules import Rules
from bbs_core.store.readers import Readers

KICKED = "The staff has ended your session: {reason}"

Acts = Sequence[sa.RowMapping]


class Effects:
    """Apply acts by the kind of their target; doing so twice changes nothing. Raises StoreUnavailable."""

    def __init__(
        self,
        ledger: Ledger,
        board: Board,
        mail: Mail,
        rules: Rules,
        noticeboard: Noticeboard,
        presence: Presence,
        readers: Readers,
        configure: Callable[[Acts], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._board = board
        self._mail = mail
        self._rules = rules
        self._noticeboard = noticeboard
        self._presence = presence
        self._readers = readers
        self._kinds: Mapping[str, Callable[[Acts], Awaitable[None]]] = {
            "post": self._posts,
            "sanction": self._sanctions,
            "session": self._sessions,
            "user": self._users,
            "announcement": lambda _acts: noticeboard.refresh(),
            "setting": configure,
            "plugin": configure,
        }

    async def apply(self, acts: Acts) -> None:
        """Make the live state match what these acts have done."""
        for kind, take in self._kinds.items():
            found = [act for act in acts if act["target_kind"] == kind]
            if found:
                await take(found)
        await self._readers.read(self._ledger.remember_last)

    async def _posts(self, acts: Acts) -> None:
        await self._board.refresh(_targets(acts))

    async def _users(self, acts: Acts) -> None:
        erased = _targets([act for act in acts if act["action"] == ERASE])
        if erased:
            await self._board.refresh(await self._readers.read(lambda connection: posts_of(connection, erased)))
            self._mail.refresh()
            await self._rule(await self._readers.read(lambda connection: sanctions_of(connection, erased)))

    async def _sanctions(self, acts: Acts) -> None:
        await self._rule(_targets(acts))

    async def _rule(self, ids: list[int]) -> None:
        found = await self._readers.read(lambda connection: sanctions.rulings(connection, ids))
        self._rules.replace(ids, found)
        changed = set(ids)
        for session in self._presence:
            ban = self._rules.ban(session.username, session.address)
            if ban is not None:
                session.end(ban.sentence())
                continue
            mute = self._rules.mute(session.username, session.address)
            if mute is not None and mute.id in changed:
                session.notify(mute.sentence())

    async def _sessions(self, acts: Acts) -> None:
        reasons = {int(act["target_id"]): act["reason_text"] for act in acts}
        for session in self._presence:
            if session.id in reasons:
                session.end(KICKED.format(reason=reasons[session.id]))


def _targets(acts: Acts) -> list[int]:
    return sorted({int(act["target_id"]) for act in acts})
