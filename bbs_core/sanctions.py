"""Bans and mutes: of a name, an address or a network, with a reason for the user, a note for staff, and an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any, Unpack

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.moderation import State, checked_reason, hide_posts
from bbs_core.rules import BAN, MUTE, USER, Network, Ruling
from bbs_core.store.models import LiveSession, Post, User, UserAddress, address_range, name_hash
from bbs_core.store.staff_models import Login, Sanction

MEASURES = (BAN, MUTE)
KINDS = (USER, "ip", "cidr")
PAGE_LIMIT = 200
NOTE_LIMIT = 2000
NAME_LIMIT = 9999  # of a frame
LONGEST_S = 10 * 365 * 86_400
# A network wider than this is more than one household, school or provider: /16 and /32 are what a provider is given.
WIDEST: Mapping[int, int] = {4: 16, 6: 32}
# Whom a preview names; the rest is a number.
SHOWN = 20


@dataclass(frozen=True)
class Proposal:
    """A ban or mute that is asked for; `own_address` is where whoever asks comes from, if that is known."""

    measure: str
    kind: str
    value: str
    reason: str
    note: str = ""
    expires_in_s: int | None = None
    hide_posts: bool = False
    force: bool = False
    own_address: str = ""


@dataclass(frozen=True)
class Preview:
    """Whom a proposal would hit, and what speaks against it."""

    users: int
    names: list[str]
    sessions: int
    posts: int
    warnings: list[str]


def checked(proposal: Proposal) -> Proposal:
    """Return a proposal in its one spelling. Raises InvalidAct."""
    if proposal.measure not in MEASURES:
        raise InvalidAct("There are bans and mutes.")
    if len(proposal.note) > NOTE_LIMIT:
        raise InvalidAct(f"A note has at most {NOTE_LIMIT} characters.")
    if proposal.expires_in_s is not None and not 1 <= proposal.expires_in_s <= LONGEST_S:
        raise InvalidAct(f"It lasts 1 to {LONGEST_S} seconds, or has no end.")
    note = proposal.note.replace("\0", "\u2400")
    return replace(proposal, value=_value(proposal), reason=checked_reason(proposal.reason), note=note)


def preview(connection: sa.Connection, proposal: Proposal) -> Preview:
    """Return whom a proposal would hit, changing nothing. Raises InvalidAct."""
    proposal = checked(proposal)
    users = sa.select(User.id).where(_hit(proposal))
    names = sa.select(User.name).where(_hit(proposal)).order_by(User.id).limit(SHOWN)
    return Preview(
        users=_count(connection, users),
        names=list(connection.execute(names).scalars()),
        sessions=_count(connection, sa.select(LiveSession.id).where(_sessions_hit(proposal))),
        posts=_count(connection, _posts(proposal)),
        warnings=_warnings(connection, proposal),
    )


def add(connection: sa.Connection, ledger: Ledger, actor: Actor, proposal: Proposal) -> tuple[int, int]:
    """Ban or mute; returns the ids of the sanction and the act.

    Raises InvalidAct, and Conflict where it is in force already, or hits whom it should not and is not forced.
    """
    proposal = checked(proposal)
    warnings = [] if proposal.force else _warnings(connection, proposal)
    if warnings:
        raise Conflict(f"{warnings[0]} Use force to do it all the same.")
    _refuse_double(connection, proposal)
    sanction_id = connection.execute(
        sa.insert(Sanction).values(_row(connection, proposal)).returning(Sanction.id)
    ).scalar_one()
    act_id = ledger.write(connection, _entry(actor, f"{proposal.measure}.add", sanction_id, proposal))
    if proposal.hide_posts:
        post_ids = [row.id for row in connection.execute(_posts(proposal))]
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


def rulings(connection: sa.Connection, ids: list[int] | None = None) -> list[Ruling]:
    """Return the bans and mutes in force, or those of these ids."""
    columns = (Sanction.id, Sanction.measure, Sanction.kind, Sanction.value, Sanction.reason, Sanction.expires_at_ms)
    query = sa.select(*columns).where(_in_force())
    if ids is not None:
        query = query.where(Sanction.id.in_(ids))
    return [Ruling(*row) for row in connection.execute(query)]


def _value(proposal: Proposal) -> str:
    if proposal.kind == USER:
        value = proposal.value.replace("\0", "\u2400")
        if len(value) > NAME_LIMIT:
            raise InvalidAct(f"A name has at most {NAME_LIMIT} characters.")
        return value
    try:
        if proposal.kind == "ip":
            return str(ip_address(proposal.value.strip()))
        if proposal.kind == "cidr":
            return str(ip_network(proposal.value.strip()))
    except ValueError:
        example = "192.0.2.7" if proposal.kind == "ip" else "192.0.2.0/24, without bits behind its length"
        raise InvalidAct(f"This is no address of its kind; one is {example}.") from None
    raise InvalidAct(f"There is no kind {proposal.kind[:40]!r}; there are {', '.join(KINDS)}.")


def _network(proposal: Proposal) -> Network:
    return ip_network(proposal.value)


def _hit(proposal: Proposal) -> sa.ColumnElement[bool]:
    if proposal.kind == USER:
        return User.name_hash == name_hash(proposal.value)
    return User.id.in_(sa.select(UserAddress.user_id).where(_within(UserAddress.address_key, proposal)))


def _within(key: Any, proposal: Proposal) -> sa.ColumnElement[bool]:
    low, high = address_range(proposal.value)
    return sa.and_(key >= low, key <= high)


def _sessions_hit(proposal: Proposal) -> sa.ColumnElement[bool]:
    here = LiveSession.user_id.in_(sa.select(User.id).where(_hit(proposal)))
    if proposal.kind == USER:
        return here
    from_there = sa.exists().where(
        UserAddress.user_id == LiveSession.user_id,
        UserAddress.address == LiveSession.address,
        _within(UserAddress.address_key, proposal),
    )
    return sa.and_(here, from_there)


def _posts(proposal: Proposal) -> sa.Select[Any]:
    """Those that are shown, by the users who are hit; of an address, those alone that were sent from there."""
    query = sa.select(Post.id).where(Post.user_id.in_(sa.select(User.id).where(_hit(proposal))))
    if proposal.kind != USER:
        there = sa.select(UserAddress.address).where(_within(UserAddress.address_key, proposal))
        query = query.where(Post.address.in_(there))
    return query.where(Post.state == State.VISIBLE).order_by(Post.id)


def _warnings(connection: sa.Connection, proposal: Proposal) -> list[str]:
    """Say what speaks against a proposal: whoever asks, staff, this machine or half the world may be in it."""
    if proposal.kind == USER:
        return []
    network = _network(proposal)
    found = []
    if network.prefixlen < WIDEST[network.version]:
        found.append(f"A network wider than /{WIDEST[network.version]} hits more people than anyone can mean.")
    if network.overlaps(ip_network("127.0.0.0/8" if network.version == 4 else "::1/128")):
        found.append("This is the board's own machine.")
    if _contains(network, proposal.own_address):
        found.append("You come from there yourself.")
    if any(_contains(network, address) for address in _staff_addresses(connection)):
        found.append("Somebody of the staff comes from there.")
    return found


def _contains(network: Network, address: str) -> bool:
    try:
        return ip_address(address) in network
    except ValueError:
        return False


def _staff_addresses(connection: sa.Connection) -> list[str]:
    query = sa.select(Login.address).where(Login.ended_at_ms.is_(None), Login.until_ms > now_ms()).distinct()
    return list(connection.execute(query).scalars())


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


def _count(connection: sa.Connection, query: sa.Select[Any]) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
