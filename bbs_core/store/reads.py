"""What the board's memory is loaded from: ranges of posts and messages, oldest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import orm

from bbs_core.store.models import Message, Post, User, name_hash
from bbs_core.store.staff_models import Act

LAST_ID = 2**63 - 1
VISIBLE = 0
HELD = 2
# Made once: to make it takes longer than to find a few posts.
_POSTS_BETWEEN = (
    sa.select(Post.id, User.name, Post.address, Post.text, Post.at_ms, Post.state)
    .join(User, User.id == Post.user_id)
    .where(Post.id >= sa.bindparam("low"), Post.id < sa.bindparam("high"))
    .order_by(Post.id)
)


class StoredRow(NamedTuple):
    """A post or message as it was committed."""

    id: int
    name: str
    address: str
    text: str
    at_ms: int
    state: int


def last_post_id(connection: sa.Connection) -> int:
    """Return the highest post id, 0 on an empty board."""
    return connection.execute(sa.select(sa.func.max(Post.id))).scalar() or 0


def hidden_posts(connection: sa.Connection, after_id: int = 0, through_id: int = LAST_ID) -> int:
    """Return how many posts after an id and up to another are not shown."""
    # The condition of the index, word for word; where ids matter too, SQLite goes through all of them instead.
    hidden = [Post.state != sa.literal_column("0")]
    if after_id:
        hidden.append(Post.id > after_id)
    if through_id < LAST_ID:
        hidden.append(Post.id <= through_id)
    return connection.execute(sa.select(sa.func.count()).select_from(Post).where(*hidden)).scalar_one()


def posts_between(connection: sa.Connection, low: int, high: int) -> list[StoredRow]:
    """Return the posts from `low` up to `high`, hidden ones too."""
    return _rows(connection.execute(_POSTS_BETWEEN, {"low": low, "high": high}))


def messages_between(connection: sa.Connection, recipient: str, low: int, high: int) -> list[StoredRow]:
    """Return the messages to a name from id `low` up to `high`."""
    query = (
        sa.select(Message.id, User.name, Message.address, Message.text, Message.at_ms, sa.literal(VISIBLE))
        .join(User, User.id == Message.sender_id)
        .where(Message.recipient_id == _user_id(recipient), Message.id >= low, Message.id < high)
        .order_by(Message.id)
    )
    return _rows(connection.execute(query))


def posts_after(connection: sa.Connection, post_id: int, limit: int) -> list[StoredRow]:
    """Return the next posts after an id, hidden ones too."""
    return posts_between(connection, post_id + 1, post_id + 1 + limit)


def last_message_id(connection: sa.Connection) -> int:
    """Return the highest message id, 0 where there is none."""
    return connection.execute(sa.select(sa.func.max(Message.id))).scalar() or 0


def messages_after(connection: sa.Connection, message_id: int, limit: int) -> list[tuple[str, StoredRow]]:
    """Return the next messages after an id, each with the name it is for."""
    recipient = orm.aliased(User)
    query = (
        sa.select(recipient.name, Message.id, User.name, Message.address, Message.text, Message.at_ms)
        .join(User, User.id == Message.sender_id)
        .join(recipient, recipient.id == Message.recipient_id)
        .where(Message.id > message_id)
        .order_by(Message.id)
        .limit(limit)
    )
    return [(row[0], StoredRow(*row[1:], VISIBLE)) for row in connection.execute(query)]


def count_messages(connection: sa.Connection, recipient: str, after_id: int) -> int:
    """Return how many messages to a name came after an id."""
    found = (Message.recipient_id == _user_id(recipient), Message.id > after_id)
    return connection.execute(sa.select(sa.func.count()).select_from(Message).where(*found)).scalar_one()


def newest_messages(connection: sa.Connection, recipient: str, after_id: int, limit: int) -> list[StoredRow]:
    """Return the newest messages to a name after an id, the oldest of them first."""
    ids = sa.select(Message.id).where(Message.recipient_id == _user_id(recipient), Message.id > after_id)
    found = connection.execute(ids.order_by(Message.id.desc()).limit(limit)).scalars().all()
    return messages_between(connection, recipient, found[-1], found[0] + 1) if found else []


def mailbox_starts(connection: sa.Connection, recipient: str, every: int) -> list[int]:
    """Return the id of each `every`-th message to a name, beginning with the first."""
    place = sa.func.row_number().over(order_by=Message.id)
    numbered = sa.select(Message.id, place.label("place")).where(Message.recipient_id == _user_id(recipient)).subquery()
    query = sa.select(numbered.c.id).where((numbered.c.place - 1) % every == 0).order_by(numbered.c.id)
    return list(connection.execute(query).scalars())


class Span(NamedTuple):
    """The ids from `first` on and below `end`."""

    first: int
    end: int

    def holds(self, *columns: Any) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for columns that are equal: PostgreSQL does not take one's over for the other."""
        return [condition for column in columns for condition in (column >= self.first, column < self.end)]


def span_of(
    connection: sa.Connection,
    model: type[Post] | type[Act],
    since_ms: int | None,
    until_ms: int | None,
    before_id: int | None,
) -> Span:
    """Return the ids of a time, and below `before_id`."""
    first = 1 if since_ms is None else _first_since(connection, model, since_ms)
    end = LAST_ID if until_ms is None else _first_since(connection, model, until_ms)
    return Span(first, min(end, before_id or LAST_ID))


def _first_since(connection: sa.Connection, model: type[Post] | type[Act], at_ms: int) -> int:
    """Return the first id of a time: rows come in its order, so that no index of times is needed."""
    low, high = 1, (connection.execute(sa.select(sa.func.max(model.id))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = sa.select(model.at_ms).where(model.id >= middle).order_by(model.id).limit(1)
        if connection.execute(found).scalar_one() < at_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _user_id(name: str) -> sa.ScalarSelect[int]:
    return sa.select(User.id).where(User.name_hash == name_hash(name)).scalar_subquery()


def _rows(result: Iterable[Any]) -> list[StoredRow]:
    return list(map(StoredRow._make, result))
