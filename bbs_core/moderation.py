"""What staff may do to posts; each act is one transaction with its row in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Unpack

import sqlalchemy as sa

from bbs_core.accounts import make_user
from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.noticeboard import keep_notice
from bbs_core.store.models import Post, User

REASON_LIMIT = 500
# What one frame carries, so that the stock client shows it as one row.
TEXT_LIMIT = 9000
IDS_AT_A_TIME = 1000
PAGE_LIMIT = 200


class State(IntEnum):
    """Whether a post is shown; no post is ever deleted, and of a purged one the text is gone."""

    VISIBLE = 0
    HIDDEN = 1
    HELD = 2
    PURGED = 3


def hide_post(
    connection: sa.Connection, ledger: Ledger, actor: Actor, post_id: int, reason: str, **links: Unpack[Links]
) -> int:
    """Take a post out of every list; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    return _change(connection, ledger, actor, "post.hide", post_id, State.HIDDEN, reason, links)


def restore_post(
    connection: sa.Connection, ledger: Ledger, actor: Actor, post_id: int, reason: str, **links: Unpack[Links]
) -> int:
    """Put a hidden post back in its old place; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    return _change(connection, ledger, actor, "post.restore", post_id, State.VISIBLE, reason, links)


def approve_post(
    connection: sa.Connection, ledger: Ledger, actor: Actor, post_id: int, reason: str, **links: Unpack[Links]
) -> int:
    """Show a post that waits for review, and tell its author; returns the act's id.

    Raises NotFound, Conflict, InvalidAct.
    """
    act_id = _change(connection, ledger, actor, "post.approve", post_id, State.VISIBLE, reason, links)
    keep_notice(connection, _author_id(connection, post_id), f"Your post {post_id} was approved, and is shown now.")
    return act_id


def hold_post(
    connection: sa.Connection, ledger: Ledger, actor: Actor, post_id: int, reason: str, **links: Unpack[Links]
) -> int:
    """Have a post wait for review; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    return _change(connection, ledger, actor, "post.hold", post_id, State.HELD, reason, links)


def purge_post(connection: sa.Connection, ledger: Ledger, actor: Actor, post_id: int, reason: str) -> int:
    """Erase the text of a post for good; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    act_id = _change(connection, ledger, actor, "post.purge", post_id, State.PURGED, reason)
    connection.execute(sa.update(Post).where(Post.id == post_id).values(text=""))
    return act_id


def hide_posts(
    connection: sa.Connection, ledger: Ledger, actor: Actor, post_ids: Iterable[int], reason: str, parent_id: int
) -> None:
    """Hide many posts that are shown, each with a row of its own below the act that is their reason."""
    ids = list(post_ids)
    for start in range(0, len(ids), IDS_AT_A_TIME):
        part = ids[start : start + IDS_AT_A_TIME]
        connection.execute(sa.update(Post).where(Post.id.in_(part)).values(state=State.HIDDEN))
        ledger.write_all(connection, [_hidden(actor, post_id, reason, parent_id) for post_id in part])


def post_as_operator(connection: sa.Connection, ledger: Ledger, actor: Actor, name: str, text: str) -> tuple[int, int]:
    """Post in the name of the board; returns the ids of the post and the act. Raises InvalidAct."""
    text = checked_text(text)
    user_id = make_user(connection, name)
    post_id = (connection.execute(sa.select(sa.func.max(Post.id))).scalar() or 0) + 1
    values = {"id": post_id, "user_id": user_id, "address": name, "text": text, "at_ms": now_ms()}
    connection.execute(sa.insert(Post).values(values))
    connection.execute(sa.update(User).where(User.id == user_id).values(posts=User.posts + 1))
    return post_id, ledger.write(connection, Entry(actor, "post.add", "post", str(post_id)))


# What each act needs a post to be before it; any other state is a conflict.
_FROM: Mapping[str, frozenset[State]] = {
    "post.hide": frozenset({State.VISIBLE, State.HELD}),
    "post.restore": frozenset({State.HIDDEN}),
    "post.approve": frozenset({State.HELD}),
    "post.hold": frozenset({State.VISIBLE, State.HIDDEN}),
    "post.purge": frozenset({State.VISIBLE, State.HIDDEN, State.HELD}),
}


def _change(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    action: str,
    post_id: int,
    state: State,
    reason: str,
    links: Links | None = None,
) -> int:
    reason = checked_reason(reason)
    present = connection.execute(sa.select(Post.state).where(Post.id == post_id)).scalar()
    if present is None:
        raise NotFound(f"There is no post {post_id}.")
    if present not in _FROM[action]:
        raise Conflict(f"Post {post_id} is {State(present).name.lower()} already.")
    connection.execute(sa.update(Post).where(Post.id == post_id).values(state=state))
    before, after = {"state": State(present).name.lower()}, {"state": state.name.lower()}
    entry = Entry(actor, action, "post", str(post_id), reason, before, after, **(links or {}))
    return ledger.write(connection, entry)


def _hidden(actor: Actor, post_id: int, reason: str, parent_id: int) -> Entry:
    before, after = {"state": State.VISIBLE.name.lower()}, {"state": State.HIDDEN.name.lower()}
    return Entry(actor, "post.hide", "post", str(post_id), reason, before, after, parent_id)


def _author_id(connection: sa.Connection, post_id: int) -> int:
    return connection.execute(sa.select(Post.user_id).where(Post.id == post_id)).scalar_one()


def checked_text(text: str) -> str:
    """Return a text as it is stored. Raises InvalidAct where it is empty, too long for a frame or half a character."""
    text = text.replace("\0", "\u2400")
    if not text.strip():
        raise InvalidAct("Say something: the text is empty.")
    if len(text) > TEXT_LIMIT:
        raise InvalidAct(f"A text has at most {TEXT_LIMIT:,} characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidAct("A text has whole characters only.") from None
    return text


def checked_reason(reason: str) -> str:
    """Return a reason without the space around it. Raises InvalidAct when it is empty or too long."""
    reason = reason.strip().replace("\0", "\u2400")
    if not reason:
        raise InvalidAct("Say why, in a few words: the reason stands in the ledger.")
    if len(reason) > REASON_LIMIT:
        raise InvalidAct(f"A reason has at most {REASON_LIMIT} characters.")
    try:
        reason.encode()
    except UnicodeEncodeError:  # JSON can spell half a character
        raise InvalidAct("A reason has whole characters only.") from None
    return reason


def list_posts(
    connection: sa.Connection, *, before_id: int | None = None, limit: int = 50, state: State | None = None
) -> list[sa.RowMapping]:
    """Return a page of posts, newest first: those below `before_id`, at most `limit`.

    Beyond PAGE_LIMIT there is one more, which tells whether there is a next page.
    """
    query = (
        sa.select(Post.id, User.name.label("username"), Post.address, Post.text, Post.at_ms, Post.state)
        .join(User, User.id == Post.user_id)
        .order_by(Post.id.desc())
        .limit(min(limit, PAGE_LIMIT + 1))
    )
    if before_id is not None:
        query = query.where(Post.id < before_id)
    if state is not None:
        query = query.where(Post.state == state)
    return list(connection.execute(query).mappings())


def get_post(connection: sa.Connection, post_id: int) -> sa.RowMapping:
    """Return one post with its author's name. Raises NotFound."""
    found = list_posts(connection, before_id=post_id + 1, limit=1)
    if not found or found[0]["id"] != post_id:
        raise NotFound(f"There is no post {post_id}.")
    return found[0]
