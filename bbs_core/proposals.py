"""What a ban or mute would do before it is done: its one spelling, whom it hits, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import InvalidAct
from bbs_core.posts import State
from bbs_core.rules import BAN, MUTE, USER, Network
from bbs_core.store.models import LiveSession, Post, User, UserAddress, address_range, name_hash
from bbs_core.store.staff_models import Login
from bbs_core.wording import checked_reason

MEASURES = (BAN, MUTE)
KINDS = (USER, "ip", "cidr")
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
        posts=_count(connection, posts_hit(proposal)),
        warnings=warnings(connection, proposal),
    )


def posts_hit(proposal: Proposal) -> sa.Select[Any]:
    """Those that are shown, by the users who are hit; of an address, those alone that were sent from there."""
    query = sa.select(Post.id).where(Post.user_id.in_(sa.select(User.id).where(_hit(proposal))))
    if proposal.kind != USER:
        there = sa.select(UserAddress.address).where(_within(UserAddress.address_key, proposal))
        query = query.where(Post.address.in_(there))
    return query.where(Post.state == State.VISIBLE).order_by(Post.id)


def warnings(connection: sa.Connection, proposal: Proposal) -> list[str]:
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


def _contains(network: Network, address: str) -> bool:
    try:
        return ip_address(address) in network
    except ValueError:
        return False


def _staff_addresses(connection: sa.Connection) -> list[str]:
    query = sa.select(Login.address).where(Login.ended_at_ms.is_(None), Login.until_ms > now_ms()).distinct()
    return list(connection.execute(query).scalars())


def _count(connection: sa.Connection, query: sa.Select[Any]) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
