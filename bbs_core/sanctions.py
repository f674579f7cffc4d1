"""Bans and mutes: of a name, an address or a network, with a reason for the user, a note for staff, and an end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.moderation import hide_posts
from bbs_core.proposals import Proposal, checked, posts_hit, warnings
from bbs_core.rules import USER, Ruling
from bbs_core.store.models import User, name_hash
from bbs_core.store.staff_models import Sanction
from bbs_core.wording import checked_reason

PAGE_LIMIT = 200


def add(connection: sa.Connection, ledger: Ledger, actor: Actor, proposal: Proposal) -> tuple[int, int]:
    """Ban or mute; returns the ids of the sanction and the act.

    Raises InvalidAct, and Conflict where it is in force already, or hits whom it should not and is not forced.
    """
    proposal = checked(proposal)
    against = [] if proposal.force else warnings(connection, proposal)
    if against:
        raise Conflict(f"{against[0]} Use force to do it all the same.")
    _refuse_double(connection, proposal)
    sanction_id = connection.execute(
        sa.insert(Sanction).values(_row(connection, proposal)).returning(Sanction.id)
    ).scalar_one()
    act_id = ledger.write(connection, _entry(actor, f"{proposal.measure}.add", sanction_id, proposal))
    if proposal.hide_posts:
        post_ids = [row.id for row in connection.execute(posts_hit(proposal))]
        hide_posts(connection, ledger, actor, post_ids, proposal.reason, act_id)
    return sanction_id, act_id


def lift(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    sanction_id: int,
    reason: str,
    measure: str | None = None,
    **links: Unpack[Links],
) -> int:
    """End a ban or mute before its time; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    return _turn(connection, ledger, actor, sanction_id, reason, "lift", now_ms(), measure, links)


def reinstate(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    sanction_id: int,
    reason: str,
    measure: str | None = None,
    **links: Unpack[Links],
) -> int:
    """Take the lifting of a ban or mute back; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    return _turn(connection, ledger, actor, sanction_id, reason, "reinstate", None, measure, links)


def list_sanctions(
    connection: sa.Connection,
    measure: str,
    *,
    in_force: bool | None = None,
    user_id: int | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[sa.RowMapping]:
    """Return a page of bans or mutes, the newest first."""
    query = sa.select(Sanction.__table__).where(Sanction.measure == measure).order_by(Sanction.id.desc())
    if in_force is not None:
        query = query.where(_in_force() if in_force else sa.not_(_in_force()))
    if user_id is not None:
        query = query.where(Sanction.user_id == user_id)
    if before_id is not None:
        query = query.where(Sanction.id < before_id)
    return list(connection.execute(query.limit(min(limit, PAGE_LIMIT + 1))).mappings())


def get_sanction(connection: sa.Connection, sanction_id: int, measure: str | None = None) -> sa.RowMapping:
    """Return a ban or mute. Raises NotFound."""
    row = connection.execute(sa.select(Sanction.__table__).where(Sanction.id == sanction_id)).mappings().one_or_none()
    if row is None or measure not in (None, row["measure"]):
        raise NotFound(f"There is no {measure or 'sanction'} {sanction_id}.")
    return row


def users_under(measure: str) -> sa.Select[Any]:
    """Return the query for the ids of the users whose name is banned or muted."""
    return sa.select(Sanction.user_id).where(Sanction.measure == measure, Sanction.user_id.is_not(None), _in_force())


def measures_against(connection: sa.Connection, user_ids: Sequence[int]) -> dict[int, set[str]]:
    """Return which of "ban" and "mute" each of these users is under, by name."""
    query = sa.select(Sanction.user_id, Sanction.measure).where(Sanction.user_id.in_(user_ids), _in_force())
    found: dict[int, set[str]] = {}
    for user_id, measure in connection.execute(query):
        found.setdefault(user_id or 0, set()).add(measure)
    return found


def rulings(connection: sa.Connection, ids: list[int] | None = None) -> list[Ruling]:
    """Return the bans and mutes in force, or those of these ids."""
    columns = (Sanction.id, Sanction.measure, Sanction.kind, Sanction.value, Sanction.reason, Sanction.expires_at_ms)
    query = sa.select(*columns).where(_in_force())
    if ids is not None:
        query = query.where(Sanction.id.in_(ids))
    return [Ruling(*row) for row in connection.execute(query)]


def _refuse_double(connection: sa.Connection, proposal: Proposal) -> None:
    same = (Sanction.measure == proposal.measure, Sanction.kind == proposal.kind, Sanction.value == proposal.value)
    found = connection.execute(sa.select(Sanction.id).where(*same, _in_force())).scalars().first()
    if found is not None:
        raise Conflict(f"There is such a {proposal.measure} already, number {found}: lift it first to change it.")


def _row(connection: sa.Connection, proposal: Proposal) -> dict[str, Any]:
    at_ms = now_ms()
    user = sa.select(User.id).where(User.name_hash == name_hash(proposal.value))
    return {
        "measure": proposal.measure,
        "kind": proposal.kind,
        "value": proposal.value,
        "user_id": connection.execute(user).scalar() if proposal.kind == USER else None,
        "reason": proposal.reason,
        "note": proposal.note,
        "created_at_ms": at_ms,
        "expires_at_ms": at_ms + proposal.expires_in_s * 1000 if proposal.expires_in_s else None,
    }


def _entry(actor: Actor, action: str, sanction_id: int, proposal: Proposal) -> Entry:
    after = {"kind": proposal.kind, "expires_in_s": proposal.expires_in_s}
    texts = {"value": proposal.value}
    return Entry(actor, action, "sanction", str(sanction_id), proposal.reason, after=after, texts=texts)


def _turn(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    sanction_id: int,
    reason: str,
    verb: str,
    lifted_at_ms: int | None,
    measure: str | None,
    links: Links,
) -> int:
    reason = checked_reason(reason)
    row = get_sanction(connection, sanction_id, measure)
    if (row["lifted_at_ms"] is None) == (lifted_at_ms is None):
        raise Conflict(
            f"The {row['measure']} {sanction_id} is {'in force' if lifted_at_ms is None else 'lifted'} already."
        )
    connection.execute(sa.update(Sanction).where(Sanction.id == sanction_id).values(lifted_at_ms=lifted_at_ms))
    lifted = {"lifted": row["lifted_at_ms"] is not None}, {"lifted": lifted_at_ms is not None}
    entry = Entry(actor, f"{row['measure']}.{verb}", "sanction", str(sanction_id), reason, *lifted, **links)
    return ledger.write(connection, entry)


def _in_force() -> sa.ColumnElement[bool]:
    lasting = sa.or_(Sanction.expires_at_ms.is_(None), Sanction.expires_at_ms > now_ms())
    return sa.and_(Sanction.lifted_at_ms.is_(None), lasting)


def count_in_force(connection: sa.Connection, measure: str) -> int:
    """Return how many bans or mutes are in force."""
    query = sa.select(sa.func.count()).where(Sanction.measure == measure, _in_force())
    return connection.execute(query).scalar_one()
