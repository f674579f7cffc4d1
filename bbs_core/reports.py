"""What users reported: many reports of one post or message are one item, which is closed at once.

Only messages that a participant reported are ever shown to staff, with a few rows around them between the same two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.noticeboard import keep_notice
from bbs_core.posts import State
from bbs_core.store.models import Message, Post, User
from bbs_core.store.staff_models import Claim, Report, Staff
from bbs_core.wording import checked_reason

POST = "post"
MESSAGE = "message"
HELD = "held"
KINDS = (POST, MESSAGE)
# What can be claimed: reported posts and messages, and posts that wait for their review.
CLAIMED = (POST, MESSAGE, HELD)
OUTCOMES = ("acted", "dismissed")
CLAIM_S = 600
# Of one user that are not closed: a class that floods the queue reports nothing.
OPEN_LIMIT = 20
REPORTERS = 20
CONTEXT_ROWS = 3
# In a mailbox, to either side of what was reported: what lies farther off explains nothing.
NEAR_ROWS = 500
PAGE_LIMIT = 200
CLOSED = "The staff has looked at what you reported: {reason}"


def report(connection: sa.Connection, kind: str, target_id: int, user_id: int, words: str) -> int:
    """Ask staff to look at a post or message; returns the report's id.

    Raises NotFound for a message between others, Conflict where this user did so already, or has too many reports open.
    """
    if kind == MESSAGE:
        _check_takes_part(connection, target_id, user_id)
    mine = sa.select(sa.func.count()).where(Report.user_id == user_id, Report.closed_at_ms.is_(None))
    if connection.execute(mine).scalar_one() >= OPEN_LIMIT:
        raise Conflict("You have reported much already: wait until the staff has looked at it.")
    same = (Report.kind == kind, Report.target_id == target_id, Report.user_id == user_id)
    if connection.execute(sa.select(Report.id).where(*same)).scalar() is not None:
        raise Conflict("You have reported this already.")
    values = {"kind": kind, "target_id": target_id, "user_id": user_id, "words": words, "at_ms": now_ms()}
    return connection.execute(sa.insert(Report).values(values).returning(Report.id)).scalar_one()


def list_reports(
    connection: sa.Connection, *, is_open: bool = True, after_id: int | None = None, limit: int = 50
) -> list[sa.RowMapping]:
    """Return a page of reported things, by their first report; `count` is how many there are of each.

    Those that are closed have their `outcome` too, and come one for each report.
    """
    other = orm.aliased(Report)
    same = sa.and_(other.kind == Report.kind, other.target_id == Report.target_id, other.closed_at_ms.is_(None))
    count = sa.select(sa.func.count()).where(same).scalar_subquery() if is_open else sa.literal(1)
    query = (
        sa.select(Report.id, Report.kind, Report.target_id, Report.at_ms, Report.outcome, count.label("count"))
        .add_columns(_claimed_by(Report.kind, Report.target_id))
        .order_by(Report.id)
        .limit(min(limit, PAGE_LIMIT + 1))
    )
    if is_open:
        query = query.where(Report.closed_at_ms.is_(None), ~sa.exists().where(same, other.id < Report.id))
    else:
        query = query.where(Report.closed_at_ms.is_not(None))
    if after_id is not None:
        query = query.where(Report.id > after_id)
    return list(connection.execute(query).mappings())


def reporters(connection: sa.Connection, kind: str, target_id: int) -> list[sa.RowMapping]:
    """Return who has an open report of something, in which words, the first ones."""
    query = (
        sa.select(Report.id, Report.user_id, User.name, Report.words, Report.at_ms)
        .join(User, User.id == Report.user_id)
        .where(*_open(kind, target_id))
        .order_by(Report.id)
        .limit(REPORTERS)
    )
    return list(connection.execute(query).mappings())


def messages_around(connection: sa.Connection, message_id: int) -> list[sa.RowMapping]:
    """Return a reported message with a few between the same two names, oldest first. Raises NotFound.

    A message that nobody reported is not found: no other function shows a message to staff.
    """
    if not _is_reported(connection, message_id):
        raise NotFound(f"There is no reported message {message_id}.")
    ends = sa.select(Message.sender_id, Message.recipient_id).where(Message.id == message_id)
    sender_id, recipient_id = connection.execute(ends).one()
    both_ways = {(sender_id, recipient_id), (recipient_id, sender_id)}
    before = _near(connection, both_ways, Message.id <= message_id, Message.id.desc())
    after = _near(connection, both_ways, Message.id > message_id, Message.id.asc())
    return _messages(connection, [*before[-CONTEXT_ROWS - 1 :], *after[:CONTEXT_ROWS]])


def claim(connection: sa.Connection, staff_id: int, kind: str, target_id: int) -> int:
    """Say that one looks at an item; returns until when, in milliseconds. Raises NotFound, Conflict."""
    if kind not in CLAIMED:
        raise InvalidAct(f"There are {', '.join(CLAIMED)}.")
    check_waits(connection, kind, target_id)
    refuse_claimed(connection, staff_id, kind, target_id)
    until_ms = now_ms() + CLAIM_S * 1000
    release(connection, kind, target_id)
    values = {"kind": kind, "target_id": target_id, "staff_id": staff_id, "until_ms": until_ms}
    connection.execute(sa.insert(Claim).values(values))
    return until_ms


def release(connection: sa.Connection, kind: str, target_id: int) -> None:
    """Let others look at an item."""
    connection.execute(sa.delete(Claim).where(Claim.kind == kind, Claim.target_id == target_id))


def refuse_claimed(connection: sa.Connection, staff_id: int | None, kind: str, target_id: int) -> None:
    """Raise Conflict where someone else looks at an item."""
    query = (
        sa.select(Staff.name)
        .join(Claim, Claim.staff_id == Staff.id)
        .where(Claim.kind == kind, Claim.target_id == target_id, Claim.until_ms > now_ms(), Claim.staff_id != staff_id)
    )
    name = connection.execute(query).scalar()
    if name is not None:
        raise Conflict(f"{name} looks at this already.")


def close(
    connection: sa.Connection, ledger: Ledger, actor: Actor, kind: str, target_id: int, outcome: str, reason: str
) -> int:
    """Close all reports of something, and tell each who reported it; returns the act's id.

    Raises NotFound where none is open, Conflict where someone else looks at it, InvalidAct.
    """
    reason = checked_reason(reason)
    if outcome not in OUTCOMES:
        raise InvalidAct(f"The outcome is one of {', '.join(OUTCOMES)}.")
    refuse_claimed(connection, actor.staff_id, kind, target_id)
    user_ids = connection.execute(sa.select(Report.user_id).where(*_open(kind, target_id))).scalars().all()
    if not user_ids:
        raise NotFound(f"There is no open report of {kind[:20]} {target_id}.")
    closed = sa.update(Report).where(*_open(kind, target_id)).values(closed_at_ms=now_ms(), outcome=outcome)
    connection.execute(closed)
    release(connection, kind, target_id)
    for user_id in user_ids:
        keep_notice(connection, user_id, CLOSED.format(reason=reason))
    after = {"outcome": outcome, "reports": len(user_ids)}
    return ledger.write(connection, Entry(actor, "report.close", kind, str(target_id), reason, after=after))


def count_open(connection: sa.Connection) -> tuple[int, int | None]:
    """Return how many reports are open, and when the oldest came."""
    query = sa.select(sa.func.count(), sa.func.min(Report.at_ms)).where(Report.closed_at_ms.is_(None))
    count, oldest = connection.execute(query).one()
    return count, oldest


def claims(connection: sa.Connection, kind: str, target_ids: Sequence[int]) -> dict[int, str]:
    """Return who looks at which of these items."""
    query = (
        sa.select(Claim.target_id, Staff.name)
        .join(Staff, Staff.id == Claim.staff_id)
        .where(Claim.kind == kind, Claim.target_id.in_(target_ids), Claim.until_ms > now_ms())
    )
    return {row.target_id: row.name for row in connection.execute(query)}


def check_waits(connection: sa.Connection, kind: str, target_id: int) -> None:
    """Raise NotFound where an item waits for nobody: it has no open report, or is a post that is not held."""
    if kind == HELD:
        waits = sa.select(Post.id).where(Post.id == target_id, Post.state == State.HELD)
    else:
        waits = sa.select(Report.id).where(*_open(kind, target_id)).limit(1)
    if connection.execute(waits).scalar() is None:
        raise NotFound(f"There is nothing to look at in {kind[:20]} {target_id}: it was not reported, or is done.")


def _check_takes_part(connection: sa.Connection, message_id: int, user_id: int) -> None:
    ends = connection.execute(
        sa.select(Message.sender_id, Message.recipient_id).where(Message.id == message_id)
    ).first()
    if ends is None or user_id not in ends:
        raise NotFound(f"You have no message {message_id}.")


def _open(kind: str, target_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (Report.kind == kind, Report.target_id == target_id, Report.closed_at_ms.is_(None))


def _claimed_by(kind: Any, target_id: Any) -> sa.Label[Any]:
    looking = (Claim.kind == kind, Claim.target_id == target_id, Claim.until_ms > now_ms())
    name = sa.select(Staff.name).join(Claim, Claim.staff_id == Staff.id).where(*looking)
    return name.scalar_subquery().label("claimed_by")


def _is_reported(connection: sa.Connection, message_id: int) -> bool:
    query = sa.select(Report.id).where(Report.kind == MESSAGE, Report.target_id == message_id).limit(1)
    return connection.execute(query).scalar() is not None


def _near(
    connection: sa.Connection, ways: set[tuple[int, int]], side: sa.ColumnElement[bool], order: sa.ColumnElement[int]
) -> list[int]:
    """Return the ids of what these users wrote each other, among the NEAR_ROWS next on a side in each mailbox."""
    found: list[int] = []
    for sender_id, recipient_id in ways:
        mailbox = sa.select(Message.id, Message.sender_id).where(Message.recipient_id == recipient_id, side)
        near = mailbox.order_by(order).limit(NEAR_ROWS).subquery()
        found += connection.execute(sa.select(near.c.id).where(near.c.sender_id == sender_id)).scalars()
    return sorted(found)


def _messages(connection: sa.Connection, ids: list[int]) -> list[sa.RowMapping]:
    sender, recipient = orm.aliased(User), orm.aliased(User)
    query = (
        sa.select(Message.id, Message.sender_id, sender.name.label("sender"), recipient.name.label("recipient"))
        .add_columns(Message.text, Message.at_ms)
        .join(sender, sender.id == Message.sender_id)
        .join(recipient, recipient.id == Message.recipient_id)
        .where(Message.id.in_(ids))
        .order_by(Message.id)
    )
    return list(connection.execute(query).mappings())
