"""Erasing a user: what they wrote, where they came from and what names them goes (docs/operating.md, Privacy).

No row is deleted whose number others count on. Posts stay as purged ones, and messages become empty ones from nobody to
nobody, so that they are in no mailbox. The user's row stays without its name, so that the name is free again.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from bbs_core.accounts import get_user
from bbs_core.clock import now_ms
from bbs_core.errors import NotFound
from bbs_core.incidents import NAME_CHARACTERS
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.personal_data import Ask, Outcome, Reply, asked_about
from bbs_core.posts import State
from bbs_core.presence import kick_user
from bbs_core.reports import MESSAGE, POST
from bbs_core.rules import ERASED, USER, name_digest
from bbs_core.search import forget_words
from bbs_core.store.access import Access
from bbs_core.store.models import (
    NAME_HASH_BYTES,
    Hold,
    LiveSession,
    Message,
    Notice,
    Post,
    User,
    UserAddress,
    name_key,
)
from bbs_core.store.staff_models import Act, ActText, IncidentRow, Remark, Report, Sanction
from bbs_core.wording import REASON_LIMIT, checked_reason

ERASE = "user.erase"
# Of posts, and of messages, in one transaction: some ten milliseconds, so that nobody waits longer for the writer.
ROWS_AT_A_TIME = 1000
# A shorter name is a word like any other, and half the reasons in the ledger have it.
NAMING_CHARACTERS = 3
SANCTIONED = "The reason was erased with what was known of this name."


@dataclass(frozen=True)
class Erasure:
    """Who is to be erased, why, and what the plugins said to it, by their names."""

    user_id: int
    reason: str
    plugins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """How far an erasure is: the act above all others of it, and what was looked at."""

    act_id: int | None = None
    post_id: int = 0
    message_id: int = 0
    done: bool = False


@dataclass(frozen=True)
class Outcomes:
    """What came of an erasure: whether the board erased the user, by which act, and what each plugin said."""

    act_id: int
    erased: bool
    plugins: Sequence[Reply]


def erase(
    access: Access, ledger: Ledger, actor: Actor, ask: Ask, user_id: int, reason: str, *, force: bool = False
) -> Outcomes:
    """Have the plugins forget a user, whose name they need, and then erase them; plugins may be asked again.

    Where a plugin fails, the board erases nothing unless it is forced to. Raises NotFound, InvalidAct.
    """
    reason = checked_reason(reason)
    user = access.read(lambda connection: asked_about(connection, user_id))
    with contextlib.suppress(NotFound):  # nobody is on line
        # A short name is looked for in no other reason, so it must not come in.
        unnamed = _without_name(reason, user.name)
        access.write(lambda connection: kick_user(connection, ledger, actor, user_id, unnamed))
    replies = ask(user)
    erasure = Erasure(user_id, reason, {reply.plugin: reply.outcome.value for reply in replies})
    if not force and any(reply.outcome is Outcome.FAILED for reply in replies):
        act_id = access.write(lambda connection: _note_refusal(connection, ledger, actor, erasure))
        return Outcomes(act_id, False, replies)
    return Outcomes(erase_user(access, ledger, actor, erasure), True, replies)


def erase_user(access: Access, ledger: Ledger, actor: Actor, erasure: Erasure) -> int:
    """Erase what the board has of a user, some rows at a time; returns the id of the act.

    Each further part has an act below it. What was broken off is gone on with by the next. Raises NotFound, InvalidAct.
    """
    progress = Progress()
    while not progress.done:
        progress = access.write(partial(_go_on, ledger=ledger, actor=actor, erasure=erasure, progress=progress))
    assert progress.act_id is not None
    return progress.act_id


def _end_sessions(
    connection: sa.Connection, ledger: Ledger, actor: Actor, user_id: int, reason: str, parent_id: int
) -> None:
    """Whoever has come back meanwhile writes as the user who is erased."""
    was_ended = sa.exists().where(Act.target_kind == "session", Act.target_id == sa.cast(LiveSession.id, sa.Text))
    theirs = sa.select(LiveSession.id).where(LiveSession.user_id == user_id, ~was_ended)
    found = connection.execute(theirs).scalars().all()
    kicks = [Entry(actor, "session.kick", "session", str(one), reason, parent_id=parent_id) for one in found]
    ledger.write_all(connection, kicks)


def _note_refusal(connection: sa.Connection, ledger: Ledger, actor: Actor, erasure: Erasure) -> int:
    """Write down that plugins were asked to forget a user who was not erased; returns the act's id."""
    reason = _without_name(erasure.reason, get_user(connection, erasure.user_id)["name"])
    return ledger.write(connection, _act(actor, erasure, reason, erased=False))


def neutral_name(user_id: int) -> str:
    """Return what a user is called who was erased."""
    return f"erased-{user_id}"


def is_erased(user: Mapping[Any, Any]) -> bool:
    """Whether a user, as `accounts` finds them, was erased."""
    return user["name"] == neutral_name(user["id"]) and user["first_visit_at_ms"] is None


def posts_of(connection: sa.Connection, user_ids: Sequence[int]) -> list[int]:
    """Return the ids of the posts of users."""
    return list(connection.execute(sa.select(Post.id).where(Post.user_id.in_(user_ids))).scalars())


def sanctions_of(connection: sa.Connection, user_ids: Sequence[int]) -> list[int]:
    """Return the ids of the bans and mutes of users."""
    return list(connection.execute(sa.select(Sanction.id).where(Sanction.user_id.in_(user_ids))).scalars())


def _go_on(connection: sa.Connection, ledger: Ledger, actor: Actor, erasure: Erasure, progress: Progress) -> Progress:
    user_id, name = erasure.user_id, get_user(connection, erasure.user_id)["name"]
    reason = _without_name(checked_reason(erasure.reason), name)
    posts, messages = _posts(connection, user_id, progress.post_id), _messages(connection, user_id, progress.message_id)
    done = max(len(posts), len(messages)) < ROWS_AT_A_TIME
    counts = {"posts": len(posts), "messages": len(messages)}
    act_id = ledger.write(connection, _act(actor, erasure, reason, progress.act_id, erased=done, **counts))
    parent_id = progress.act_id or act_id
    _erase_posts(connection, posts, done)
    _erase_messages(connection, user_id, messages)
    if done:
        _end_sessions(connection, ledger, actor, user_id, reason, parent_id)
        _erase_sanctions(connection, user_id, name)
        _erase_act_texts(connection, name)
        _erase_known(connection, user_id, name)
    return Progress(parent_id, max(posts, default=progress.post_id), max(messages, default=progress.message_id), done)


def _act(actor: Actor, erasure: Erasure, reason: str, parent_id: int | None = None, **came: int | bool) -> Entry:
    after = {**came, "plugins": dict(erasure.plugins)}
    return Entry(actor, ERASE, "user", str(erasure.user_id), reason, after=after, parent_id=parent_id)


def _posts(connection: sa.Connection, user_id: int, after_id: int) -> list[int]:
    query = sa.select(Post.id).where(Post.user_id == user_id, Post.id > after_id)
    return list(connection.execute(query.order_by(Post.id).limit(ROWS_AT_A_TIME)).scalars())


def _messages(connection: sa.Connection, user_id: int, after_id: int) -> list[int]:
    """No index knows who sent a message: in the order of their ids all of them are gone through, and each once."""
    theirs = sa.or_(Message.sender_id == user_id, Message.recipient_id == user_id)
    query = sa.select(Message.id).where(theirs, Message.id > after_id)
    return list(connection.execute(query.order_by(Message.id).limit(ROWS_AT_A_TIME)).scalars())


def _erase_posts(connection: sa.Connection, ids: Sequence[int], last: bool) -> None:
    # Merging the index takes as long as all of it is: once.
    forget_words(connection, *ids, merge=last)
    connection.execute(sa.update(Post).where(Post.id.in_(ids)).values(state=State.PURGED, text="", address=""))
    connection.execute(sa.delete(Hold).where(Hold.post_id.in_(ids)))
    _close_reports(connection, POST, ids)


def _erase_messages(connection: sa.Connection, user_id: int, ids: Sequence[int]) -> None:
    nobody = {"sender_id": user_id, "recipient_id": user_id, "address": "", "text": ""}
    connection.execute(sa.update(Message).where(Message.id.in_(ids)).values(nobody))
    _close_reports(connection, MESSAGE, ids)


def _close_reports(connection: sa.Connection, kind: str, ids: Sequence[int]) -> None:
    """What was reported is gone, and with it what was said of it."""
    of_them = (Report.kind == kind, Report.target_id.in_(ids))
    connection.execute(sa.update(Report).where(*of_them).values(words=""))
    closed = {"closed_at_ms": now_ms(), "outcome": "acted"}
    connection.execute(sa.update(Report).where(*of_them, Report.closed_at_ms.is_(None)).values(closed))


def _erase_sanctions(connection: sa.Connection, user_id: int, name: str) -> None:
    """A ban of the name goes on by the digest of the name, which nobody can read."""
    theirs = sa.and_(Sanction.kind == USER, Sanction.value == name)
    found = connection.execute(sa.select(Sanction.id, Sanction.reason).where(theirs)).all()
    for row in found:
        reason = SANCTIONED if _names(name, row.reason) else row.reason
        values = {"kind": ERASED, "value": name_digest(name), "user_id": user_id, "reason": reason, "note": ""}
        connection.execute(sa.update(Sanction).where(Sanction.id == row.id).values(values))


def _erase_act_texts(connection: sa.Connection, name: str) -> None:
    """The chain holds without them; who acted stays, as staff and users are not of one namespace."""
    holds = ActText.text == name
    if NAMING_CHARACTERS <= len(name) <= REASON_LIMIT:
        holds = sa.or_(holds, ActText.text.icontains(name, autoescape=True))
    named = sa.select(ActText.digest, ActText.text).join(Act, Act.id == ActText.act_id)
    found = connection.execute(named.where(holds, ActText.digest != Act.actor, ActText.text != "")).all()
    digests = [row.digest for row in found if _names(name, row.text)]
    for start in range(0, len(digests), ROWS_AT_A_TIME):
        part = digests[start : start + ROWS_AT_A_TIME]
        connection.execute(sa.delete(ActText).where(ActText.digest.in_(part)))


def _erase_known(connection: sa.Connection, user_id: int, name: str) -> None:
    for model in (UserAddress, Notice, Remark):
        connection.execute(sa.delete(model).where(model.user_id == user_id))
    connection.execute(sa.update(LiveSession).where(LiveSession.user_id == user_id).values(address=""))
    connection.execute(sa.update(Report).where(Report.user_id == user_id).values(words=""))
    if name:
        called = IncidentRow.username == name[:NAME_CHARACTERS]
        connection.execute(sa.update(IncidentRow).where(called).values(username=""))
    neutral = neutral_name(user_id)
    # A digest that no name has: nobody can come as a user who was erased.
    nobody = {"name": neutral, "name_hash": secrets.token_bytes(NAME_HASH_BYTES), "name_key": name_key(neutral)}
    unseen = {"first_visit_at_ms": None, "last_visit_at_ms": None, "visits": 0, "posts": 0, "messages": 0}
    connection.execute(sa.update(User).where(User.id == user_id).values({**nobody, **unseen}))


def _names(name: str, text: str) -> bool:
    """Whether a text is a name, or has it as a word of its own."""
    return text == name or (len(name) >= NAMING_CHARACTERS and bool(_pattern(name).search(text)))


def _without_name(reason: str, name: str) -> str:
    return _pattern(name).sub("…", reason) if name else reason


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
