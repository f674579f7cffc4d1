"""What staff may do to posts; each act is one transaction with its row in the ledger."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa

from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.store.models import Post, User

REASON_LIMIT = 500
PAGE_LIMIT = 200


class State(IntEnum):
    """Whether a post is shown; no post is ever deleted, and of a purged one the text is gone."""

    VISIBLE = 0
    HIDDEN = 1
    HELD = 2
    PURGED = 3


def hide_post(connection: sa.Connection, ledger: Ledger, actor: Actor, post_id: int, reason: str) -> int:
    """Take a post out of every list; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    return _change(connection, ledger, actor, "post.hide", post_id, State.HIDDEN, reason)


def restore_post(connection: sa.Connection, ledger: Ledger, actor: Actor, post_id: int, reason: str) -> int:
    """Put a hidden post back in its old place; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    return _change(connection, ledger, actor, "post.restore", post_id, State.VISIBLE, reason)


def _change(
    connection: sa.Connection, ledger: Ledger, actor: Actor, action: str, post_id: int, state: State, reason: str
) -> int:
    reason = checked_reason(reason)
    present = connection.execute(sa.select(Post.state).where(Post.id == post_id)).scalar()
    if present is None:
        raise NotFound(f"There is no post {post_id}.")
    if present == state:
        raise Conflict(f"Post {post_id} is {state.name.lower()} already.")
    connection.execute(sa.update(Post).where(Post.id == post_id).values(state=state))
    before, after = {"state": State(present).name.lower()}, {"state": state.name.lower()}
    return ledger.write(connection, Entry(actor, action, "post", str(post_id), reason, before, after))


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
