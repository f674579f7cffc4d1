"""Tokens: what programs show in the place of a member of the staff."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, Forbidden, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.staff import NAME_LIMIT, Member, Scope, check_outranks, checked_name, find_staff, get_staff
from bbs_core.store.staff_models import Staff, Token

EXPIRES_DAYS = 365
EXPIRES_DAYS_LIMIT = 3650
DAY_MS = 86_400_000
ALL = "all"
# Whoever finds a token in a file or a log can see what it is for.
TOKEN_PREFIX = "bbs_"
TOKEN_BYTES = 32


@dataclass(frozen=True)
class StaffToken:
    """A token in force, with what it may do at this moment."""

    id: int
    member: Member
    scopes: frozenset[Scope]


def create_token(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    *,
    staff_name: str,
    label: str,
    scopes: Iterable[str],
    expires_days: int = EXPIRES_DAYS,
    within: Collection[Scope] | None = None,
) -> str:
    """Return a new token, which is kept nowhere. Raises NotFound, Forbidden, InvalidAct.

    `scopes` may be "all": whatever the role of its owner grants when it is used. `within` are the rights of the token
    that asks for this one, which can have no others.
    """
    label = checked_name(label, "A token's name")
    if not 1 <= expires_days <= EXPIRES_DAYS_LIMIT:
        raise InvalidAct(f"A token is good for 1 to {EXPIRES_DAYS_LIMIT} days.")
    member = find_staff(connection, staff_name)
    if member is None:
        raise NotFound(f"There is no {staff_name[:NAME_LIMIT]!r} on the staff.")
    wanted = _checked_scopes(member, scopes)
    if within is not None and not (member.scopes if wanted == [ALL] else set(wanted)) <= set(within):
        raise Forbidden("A token can have no rights that the one which asks for it lacks.")
    granted = " ".join(wanted)
    plain = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    at_ms = now_ms()
    values = {
        "staff_id": member.id,
        "name": label,
        "digest": _digest(plain),
        "scopes": granted,
        "created_at_ms": at_ms,
        "expires_at_ms": at_ms + expires_days * DAY_MS,
    }
    token_id = connection.execute(sa.insert(Token).values(values).returning(Token.id)).scalar_one()
    after: dict[str, Any] = {"staff_id": member.id, "scopes": granted, "expires_at_ms": values["expires_at_ms"]}
    ledger.write(connection, Entry(actor, "token.create", "token", str(token_id), after=after))
    return plain


def _checked_scopes(member: Member, scopes: Iterable[str]) -> list[str]:
    wanted = sorted(set(scopes))
    if not wanted:
        raise InvalidAct(f"Say what the token may do: {ALL}, or some of {', '.join(Scope)}.")
    if wanted == [ALL]:
        return wanted
    for scope in wanted:
        if scope not in set(Scope):
            raise InvalidAct(f"There is no scope {scope[:NAME_LIMIT]!r}; there are {ALL}, {', '.join(Scope)}.")
        if scope not in member.scopes:
            raise Forbidden(f"A token of {member.name} cannot have {scope}: the role {member.role} does not grant it.")
    return wanted


def find_token(connection: sa.Connection, plain: str, at_ms: int) -> StaffToken | None:
    """Return the token, or None where it is unknown, expired or revoked, or its owner disabled."""
    query = sa.select(Token.id, Token.staff_id, Token.scopes).where(
        Token.digest == _digest(plain), Token.expires_at_ms > at_ms, Token.revoked_at_ms.is_(None)
    )
    row = connection.execute(query).one_or_none()
    member = get_staff(connection, row.staff_id) if row else None
    if row is None or member is None:
        return None
    carried = set(row.scopes.split())
    return StaffToken(row.id, member, frozenset(s for s in member.scopes if ALL in carried or s in carried))


def list_tokens(
    connection: sa.Connection, *, staff_id: int | None = None, after_id: int = 0, limit: int | None = None
) -> list[sa.RowMapping]:
    """Return the tokens that were ever made, of all or of one, the oldest first; the owner's name is `staff`."""
    query = (
        sa.select(Token.id, Staff.name.label("staff"), Token.name, Token.scopes, Token.expires_at_ms)
        .add_columns(Token.revoked_at_ms)
        .join(Staff, Staff.id == Token.staff_id)
        .where(Token.id > after_id)
        .order_by(Token.id)
        .limit(limit)
    )
    if staff_id is not None:
        query = query.where(Token.staff_id == staff_id)
    return list(connection.execute(query).mappings())


def revoke_token(connection: sa.Connection, ledger: Ledger, actor: Actor, token_id: int, of: int | None = None) -> int:
    """Refuse a token from now on, if it is that member's `of` whom it shall be; returns the act's id.

    Raises NotFound, Conflict where that is done already, Forbidden where the actor does not outrank its owner.
    """
    found = sa.select(Token.staff_id, Token.revoked_at_ms).where(Token.id == token_id)
    row = connection.execute(found).one_or_none()
    owner = get_staff(connection, row.staff_id) if row else None
    if owner is not None and owner.id != actor.staff_id:
        check_outranks(connection, actor, owner)
    if row is None or of not in (None, row.staff_id):
        raise NotFound(f"There is no token {token_id}.")
    if row.revoked_at_ms is not None:
        raise Conflict(f"Token {token_id} is revoked already.")
    connection.execute(sa.update(Token).where(Token.id == token_id).values(revoked_at_ms=now_ms()))
    return ledger.write(connection, Entry(actor, "token.revoke", "token", str(token_id)))


def _digest(plain: str) -> bytes:
    return hashlib.sha256(plain.encode(errors="surrogatepass")).digest()
