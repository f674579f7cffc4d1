"""What staff may do to posts; each act is one transaction with its row in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Unpack

import sqlalchemy as sa

from bbs_core.accounts import make_user
from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.noticeboard import keep_notice
from bbs_core.posts import State
from bbs_core.runtime_settings import ARCHIVED_THROUGH, change, present
from bbs_core.search import forget_words
from bbs_core.settings import Settings
from bbs_core.store.models import Post, User
from bbs_core.wording import checked_reason, checked_text

IDS_AT_A_TIME = 1000


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


def purge_post(
    connection: sa.Connection, ledger: Ledger, actor: Actor, post_id: int, reason: str, **links: Unpack[Links]
) -> int:
    """Erase the text of a post for good; returns the act's id. Raises NotFound, Conflict, InvalidAct."""
    act_id = _change(connection, ledger, actor, "post.purge", post_id, State.PURGED, reason, links)
    forget_words(connection, post_id)
    connection.execute(sa.update(Post).where(Post.id == post_id).values(text=""))
    return act_id


def clear_board(connection: sa.Connection, ledger: Ledger, actor: Actor, start: Settings, reason: str) -> int:
    """Show nothing of what is posted so far; returns the act's id, whose undoing brings all of it back.

    Raises Conflict where nothing is shown, InvalidAct.
    """
    last_id = connection.execute(sa.select(sa.func.max(Post.id))).scalar() or 0
    if last_id <= present(connection, start).board.archived_through:
        raise Conflict("Nothing was posted since the board was last cleared.")
    return change(connection, ledger, actor, start, {ARCHIVED_THROUGH: last_id}, reason)


def act_on_posts(
    connection: sa.Connection, ledger: Ledger, actor: Actor, verb: str, post_ids: Iterable[int], reason: str
) -> tuple[int, list[int]]:
    """Do an act on many posts, each with a row below one parent; those that cannot be so changed are passed over.

    `verb` is "hide", "restore", "approve" or "purge". Returns the parent's id and the posts that were changed. Raises
    Conflict where there are none, InvalidAct.
    """
    reason = checked_reason(reason)
    parent_id = ledger.write(connection, Entry(actor, f"post.{verb}", "bulk", "", reason))
    done = []
    for post_id in post_ids:
        try:
            VERBS[verb](connection, ledger, actor, post_id, reason, parent_id=parent_id)
        except (Conflict, NotFound):
            continue
        done.append(post_id)
    if not done:
        raise Conflict("None of these posts can be changed so.")
    return parent_id, done


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


VERBS: Mapping[str, Callable[..., int]] = {
    "hide": hide_post,
    "restore": restore_post,
    "approve": approve_post,
    "purge": purge_post,
}
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
