"""Posts as staff see them: in whatever state, by filters, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import NotFound
from bbs_core.search import matching
from bbs_core.store.models import Hold, Post, User

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


def list_posts(
    connection: sa.Connection, query: PostQuery = PostQuery(), *, before_id: int | None = None, limit: int = 50
) -> list[sa.RowMapping]:
    """Return a page of posts, newest first: those below `before_id`, at most `limit`, each with why it is held.

    Beyond PAGE_LIMIT there is one more, which tells whether there is a next page.
    """
    chosen = _columns().order_by(Post.id.desc()).limit(min(limit, PAGE_LIMIT + 1))
    for condition in _conditions(connection, query):
        chosen = chosen.where(condition)
    if before_id is not None:
        chosen = chosen.where(Post.id < before_id)
    return list(connection.execute(chosen).mappings())


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


def _columns() -> sa.Select[Any]:
    return (
        sa.select(Post.id, Post.user_id, User.name.label("username"), Post.address, Post.text, Post.at_ms, Post.state)
        .add_columns(Hold.reason.label("held_for"))
        .join(User, User.id == Post.user_id)
        .outerjoin(Hold, Hold.post_id == Post.id)
    )


def _conditions(connection: sa.Connection, query: PostQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if query.state is not None:
        found.append(Post.state == query.state)
    if query.user_id is not None:
        found.append(Post.user_id == query.user_id)
    if query.words is not None:
        found.append(matching(connection.dialect.name, query.words))
    if query.since_ms is not None:
        found.append(Post.id >= _first_since(connection, query.since_ms))
    if query.until_ms is not None:
        found.append(Post.id < _first_since(connection, query.until_ms))
    return found


def _first_since(connection: sa.Connection, at_ms: int) -> int:
    """Return the first id of a time: posts come in their order, so that no index of times is needed."""
    low, high = 1, (connection.execute(sa.select(sa.func.max(Post.id))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = sa.select(Post.at_ms).where(Post.id >= middle).order_by(Post.id).limit(1)
        if _time(connection, found) < at_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _time(connection: sa.Connection, query: sa.Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())
