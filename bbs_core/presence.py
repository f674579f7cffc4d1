"""Who is on line: the sessions of this server that have given a name, and those of all servers in the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import NotFound
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.settings import LATEST_MS
from bbs_core.store.models import LiveSession, Node, User
from bbs_core.wording import checked_reason

PAGE_LIMIT = 200
# A server says every few seconds that it is there; one that is silent for so long has died, and its sessions with it.
ALIVE_S = 20


class Present(Protocol):
    """What is known of a session on line."""

    @property
    def id(self) -> int: ...
    @property
    def username(self) -> str: ...
    @property
    def address(self) -> str: ...
    def end(self, reason: str) -> None: ...
    def notify(self, text: str) -> None: ...


class Presence:
    """The sessions on line, in the order in which they came."""

    def __init__(self) -> None:
        self._sessions: dict[Present, str] = {}
        self._names: Counter[str] = Counter()

    def enter(self, session: Present) -> None:
        """Count a session in."""
        self._sessions[session] = session.username
        self._names[session.username] += 1

    def leave(self, session: Present) -> None:
        """Count a session out; one that never entered is passed over."""
        name = self._sessions.pop(session, None)
        if name is not None:
            self._names[name] -= 1
            if not self._names[name]:
                del self._names[name]

    def names(self) -> list[str]:
        """Return the names on line, each once, in the order in which they came."""
        return list(self._names)

    def has(self, name: str) -> bool:
        """Whether a name is on line."""
        return name in self._names

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Present]:
        return iter(list(self._sessions))


def list_sessions(
    connection: sa.Connection, *, user_id: int | None = None, after_id: int | None = None, limit: int = 50
) -> list[sa.RowMapping]:
    """Return a page of the sessions on line on all servers, by id."""
    columns = (LiveSession.id, LiveSession.user_id, User.name, LiveSession.address, LiveSession.opened_at_ms)
    query = (
        sa.select(*columns, LiveSession.node)
        .join(User, User.id == LiveSession.user_id)
        .where(_alive())
        .order_by(LiveSession.id)
        .limit(min(limit, PAGE_LIMIT + 1))
    )
    if user_id is not None:
        query = query.where(LiveSession.user_id == user_id)
    if after_id is not None:
        query = query.where(LiveSession.id > after_id)
    return list(connection.execute(query).mappings())


def online_ids(connection: sa.Connection, user_ids: Iterable[int]) -> frozenset[int]:
    """Return those of the users that are on line."""
    query = sa.select(LiveSession.user_id).where(LiveSession.user_id.in_(list(user_ids)), _alive())
    return frozenset(connection.execute(query).scalars())


def users_online() -> sa.Select[Any]:
    """Return the query for the ids of the users on line."""
    return sa.select(LiveSession.user_id).where(_alive())


def names_online(connection: sa.Connection) -> list[str]:
    """Return the names of the users on line on all servers."""
    return list(connection.execute(sa.select(User.name).where(User.id.in_(users_online()))).scalars())


def kick(connection: sa.Connection, ledger: Ledger, actor: Actor, session_id: int, reason: str) -> int:
    """End a session; returns the act's id. Raises NotFound, InvalidAct."""
    reason = checked_reason(reason)
    if connection.execute(sa.select(LiveSession.id).where(LiveSession.id == session_id)).scalar() is None:
        raise NotFound(f"There is no session {session_id} on line.")
    return ledger.write(connection, Entry(actor, "session.kick", "session", str(session_id), reason))


def kick_user(connection: sa.Connection, ledger: Ledger, actor: Actor, user_id: int, reason: str) -> int:
    """End all sessions of a user; returns the id of the act that stands above them. Raises NotFound, InvalidAct."""
    reason = checked_reason(reason)
    session_ids = connection.execute(sa.select(LiveSession.id).where(LiveSession.user_id == user_id)).scalars().all()
    if not session_ids:
        raise NotFound(f"User {user_id} is not on line.")
    parent_id = ledger.write(connection, Entry(actor, "session.kick", "bulk", "", reason))
    ledger.write_all(
        connection,
        [Entry(actor, "session.kick", "session", str(one), reason, parent_id=parent_id) for one in session_ids],
    )
    return parent_id


def beat(connection: sa.Connection, node: str, status: str, alone: bool) -> None:
    """Say that a server is there, and let go of those that have died, with their sessions.

    One that is `alone` on its database counts as there until it says otherwise, and need not say so again.
    """
    at_ms = now_ms()
    values = {"seen_at_ms": LATEST_MS if alone else at_ms, "status": status}
    if not connection.execute(sa.update(Node).where(Node.id == node).values(values)).rowcount:
        connection.execute(sa.insert(Node).values(id=node, started_at_ms=at_ms, **values))
    dead = sa.select(Node.id).where(Node.seen_at_ms < at_ms - ALIVE_S * 1000)
    connection.execute(sa.delete(LiveSession).where(LiveSession.node.in_(dead)))
    connection.execute(sa.delete(Node).where(Node.seen_at_ms < at_ms - ALIVE_S * 1000))


def leave_all(connection: sa.Connection, node: str | None) -> None:
    """Forget a server and its sessions; None is every server, where the database has but one."""
    nodes, sessions = sa.delete(Node), sa.delete(LiveSession)
    if node is not None:
        nodes, sessions = nodes.where(Node.id == node), sessions.where(LiveSession.node == node)
    connection.execute(sessions)
    connection.execute(nodes)


def list_nodes(connection: sa.Connection) -> list[sa.RowMapping]:
    """Return the servers that are there, each with the status that it last told, as JSON."""
    query = sa.select(Node.__table__).where(Node.seen_at_ms > now_ms() - ALIVE_S * 1000).order_by(Node.started_at_ms)
    return list(connection.execute(query).mappings())


def _alive() -> sa.ColumnElement[bool]:
    """Nearly all servers are there: each session is asked for its own, so that sessions come in their order."""
    there = sa.select(Node.id).where(Node.id == LiveSession.node, Node.seen_at_ms > now_ms() - ALIVE_S * 1000)
    return there.exists()
