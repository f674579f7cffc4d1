"""Logins: members of staff in browsers, kept on the server, so that each can be ended from anywhere."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import NotFound
from bbs_core.store.staff_models import Login

# A long day's work; a stolen cookie is worth nothing the next morning.
GOOD_FOR_MS = 12 * 3_600_000
# How long after a password was typed, or a code, it still counts for what needs a fresh proof.
FRESH_MS = 10 * 60_000
KEY_BYTES = 32
AGENT_LIMIT = 200
# What has ended is kept so long: from an address of these nobody is locked out by strangers (bbs_core/throttle.py).
REMEMBERED_MS = 90 * 86_400_000
# Of one member at a time; one more ends the oldest.
LOGINS_LIMIT = 20


@dataclass(frozen=True)
class OpenLogin:
    """A login that has not ended."""

    id: int
    staff_id: int
    proved_at_ms: int

    @property
    def is_fresh(self) -> bool:
        """Whether its member has lately shown who they are."""
        return now_ms() - self.proved_at_ms < FRESH_MS


def open_login(connection: sa.Connection, staff_id: int, address: str, agent: str) -> str:
    """Begin a login; returns its key, of which only a digest is kept."""
    key, at_ms = secrets.token_urlsafe(KEY_BYTES), now_ms()
    times = {"opened_at_ms": at_ms, "seen_at_ms": at_ms, "proved_at_ms": at_ms, "until_ms": at_ms + GOOD_FOR_MS}
    values = {"staff_id": staff_id, "digest": _digest(key), "address": address, "agent": agent[:AGENT_LIMIT]}
    connection.execute(sa.delete(Login).where(Login.until_ms < at_ms - REMEMBERED_MS))
    connection.execute(sa.insert(Login).values(**times, **values))
    newest = sa.select(Login.id).where(*_running(staff_id)).order_by(Login.id.desc())
    surplus = connection.execute(newest.offset(LOGINS_LIMIT).limit(1)).scalar()
    if surplus is not None:
        _end(connection, Login.staff_id == staff_id, Login.id <= surplus)
    return key


def find_login(connection: sa.Connection, key: str) -> OpenLogin | None:
    """Return the login of a key, or None where it has ended."""
    running = (Login.digest == _digest(key), Login.ended_at_ms.is_(None), Login.until_ms > now_ms())
    row = connection.execute(sa.select(Login.id, Login.staff_id, Login.proved_at_ms).where(*running)).one_or_none()
    return OpenLogin(*row) if row else None


def prove(connection: sa.Connection, login_id: int) -> None:
    """Note that the member has just shown who they are."""
    connection.execute(sa.update(Login).where(Login.id == login_id).values(proved_at_ms=now_ms(), seen_at_ms=now_ms()))


def list_logins(connection: sa.Connection, staff_id: int) -> list[sa.RowMapping]:
    """Return the logins of a member that have not ended, the newest first."""
    query = sa.select(Login.id, Login.opened_at_ms, Login.seen_at_ms, Login.until_ms, Login.address, Login.agent)
    return list(connection.execute(query.where(*_running(staff_id)).order_by(Login.id.desc())).mappings())


def end_login(connection: sa.Connection, staff_id: int, login_id: int) -> None:
    """End a login of a member. Raises NotFound where it has ended already."""
    if not _end(connection, *_running(staff_id), Login.id == login_id):
        raise NotFound("This login has ended already.")


def end_logins(connection: sa.Connection, staff_id: int) -> None:
    """End all logins of a member, as a change of password or role does."""
    _end(connection, *_running(staff_id))


def _end(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> int:
    ended = sa.update(Login).where(*which).values(ended_at_ms=now_ms())
    return connection.execute(ended).rowcount


def _running(staff_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (Login.staff_id == staff_id, Login.ended_at_ms.is_(None), Login.until_ms > now_ms())


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()
