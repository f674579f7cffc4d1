"""Posts as staff see them: in whatever state, by filters, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import NotFound
from bbs_core.search import matching
from bbs_core.store.models import Hold, Post, User
from bbs_core.store.reads import span_of

PAGE_LIMIT = 200


class State(IntEnum):
    """Whether a post is shown; no post is ever deleted, and of a purged one the text is gone."""

    VISIBLE = 0
    HIDDEN = 1
    HELD = 2
    PURGED = 3


@dataclass(frozen=True)
class PostQuery:
    """Which posts are wanted; what is None does not matter. `words` are all in the text, once the writer indexed it."""

    state: State | None = None
    user_id: int | None = None
    words: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    after_id: int = 0


def list_posts(
    connection: sa.Connection, query: PostQuery = PostQuery(), *, before_id: int | None = None, limit: int = 50
) -> list[sa.RowMapping]:
    """Return a page of posts, newest first: those below `before_id`, at most `limit`, each with why it is held.

    Beyond PAGE_LIMIT there is one more, which tells whether there is a next page.
    """
    hits = matching(connection, query.words) if query.words is not None else None
    # The order is that of the index which the rows are found by.
    places = [Post.id] if hits is None else [hits.c.id, Post.id]
    span = span_of(connection, Post, query.since_ms, query.until_ms, before_id)
    span = span._replace(first=max(span.first, query.after_id + 1))
    chosen = _columns(hits).where(*span.holds(*places), *_conditions(query))
    newest = chosen.order_by(places[0].desc()).limit(min(limit, PAGE_LIMIT + 1))
    return list(connection.execute(newest).mappings())


def get_post(connection: sa.Connection, post_id: int) -> sa.RowMapping:
    """Return one post as `list_posts` does. Raises NotFound."""
    found = connection.execute(_columns().where(Post.id == post_id)).mappings().one_or_none()
    if found is None:
        raise NotFound(f"There is no post {post_id}.")
    return found


def posts_around(connection: sa.Connection, post_id: int, rows: int) -> list[sa.RowMapping]:
    """Return a post with those before and after it, at most `rows` on each side, oldest first."""
    before = _columns().where(Post.id <= post_id).order_by(Post.id.desc()).limit(rows + 1)
    after = _columns().where(Post.id > post_id).order_by(Post.id).limit(rows)
    return [*reversed(connection.execute(before).mappings().all()), *connection.execute(after).mappings()]


def in_state(state: State) -> sa.ColumnElement[bool]:
    """Return the condition that a post is in a state."""
    if state is State.VISIBLE:
        return Post.state == state
    # The condition of the index, word for word: without it SQLite reads all posts.
    return sa.and_(Post.state == state, Post.state != sa.literal_column("0"))


def _columns(hits: sa.Subquery | None = None) -> sa.Select[Any]:
    posts = sa.join(Post, User, User.id == Post.user_id)
    found = posts if hits is None else sa.join(hits, posts, hits.c.id == Post.id)
    return (
        sa.select(Post.id, Post.user_id, User.name.label("username"), Post.address, Post.text, Post.at_ms, Post.state)
        .add_columns(Hold.reason.label("held_for"))
        .select_from(found.outerjoin(Hold, Hold.post_id == Post.id))
    )


def _conditions(query: PostQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if query.state is not None:
        found.append(in_state(query.state))
    if query.user_id is not None:
        found.append(Post.user_id == query.user_id)
    return found
