"""The statements of one batch: names made users, rows appended, counters moved; a handful whatever its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import cast

import sqlalchemy as sa

from bbs_core.store.bulk import Bulk, Row, as_json
from bbs_core.store.items import Departure, Item, NewMessage, NewPost, Visit
from bbs_core.store.models import Hold, LiveSession, Message, Post, User, address_key, name_hash, name_key
from bbs_core.store.reads import HELD

USERS = cast(sa.Table, User.__table__)
POSTS = cast(sa.Table, Post.__table__)
MESSAGES = cast(sa.Table, Message.__table__)
SESSIONS = cast(sa.Table, LiveSession.__table__)
HOLDS = cast(sa.Table, Hold.__table__)

POST_COLUMNS = ("id", "user_id", "address", "text", "at_ms")
MESSAGE_COLUMNS = ("id", "sender_id", "recipient_id", "address", "text", "at_ms")
SESSION_COLUMNS = ("id", "node", "user_id", "address", "opened_at_ms")
HOUR_MS = 3_600_000
ACTIVE = sa.text(
    "INSERT INTO activity (hour_ms, posts, messages, visits) VALUES (:hour_ms, :posts, :messages, :visits)"
    " ON CONFLICT (hour_ms) DO UPDATE SET posts = activity.posts + excluded.posts,"
    " messages = activity.messages + excluded.messages, visits = activity.visits + excluded.visits"
)
# A name that was erased, by whichever server, is free, and another user's from then on.
ERASED = sa.text("SELECT max(id) FROM acts WHERE action = 'user.erase'")
# Ids of names that were seen lately; a hundred thousand are some ten megabytes, and the oldest go first.
KNOWN_NAMES = 100_000


class Appends:
    """Append the rows of a batch within the writer's transaction; used by the writer's thread alone."""

    def __init__(self, bulk: Bulk, node: str = "") -> None:
        self._bulk = bulk
        self._node = node
        self._known: dict[bytes, int] = {}
        self._new: dict[bytes, int] = {}
        self._erased_id = 0
        count = "UPDATE users SET posts = posts + d.new_posts, messages = messages + d.new_messages FROM "
        self._count = sa.text(
            count + bulk.unnest(["user_id:int", "new_posts:int", "new_messages:int"]) + " WHERE users.id = d.user_id"
        )
        visit = bulk.unnest(["user_id:int", "address", "address_key", "first_at:int", "last_at:int", "n:int"])
        self._visit = sa.text(
            "UPDATE users SET visits = visits + d.n, last_visit_at_ms = d.last_at,"
            f" first_visit_at_ms = COALESCE(first_visit_at_ms, d.first_at) FROM {visit} WHERE users.id = d.user_id"
        )
        self._visit_address = sa.text(
            "INSERT INTO user_addresses (user_id, address, address_key, first_visit_at_ms, last_visit_at_ms, visits)"
            f" SELECT user_id, address, address_key, first_at, last_at, n FROM {visit} WHERE true"
            " ON CONFLICT (user_id, address) DO UPDATE SET last_visit_at_ms = excluded.last_visit_at_ms,"
            " visits = user_addresses.visits + excluded.visits"
        )
        held = bulk.unnest(["post_id:int", "reason"])
        self._held = sa.text(f"UPDATE posts SET state = {HELD} WHERE id IN (SELECT d.post_id FROM {held})")
        departed = bulk.unnest(["id:int"])
        self._depart = sa.text(f"DELETE FROM sessions WHERE id IN (SELECT d.id FROM {departed})")

    def run(self, connection: sa.Connection, items: Sequence[Item]) -> None:
        """Append all rows of `items` and give them their ids; work is passed over."""
        posts = [item for item in items if type(item) is NewPost]
        messages = [item for item in items if type(item) is NewMessage]
        visits = [item for item in items if type(item) is Visit]
        departures = [item.session_id for item in items if type(item) is Departure]
        self._new = {}
        users = self._resolve(connection, posts, messages, visits)
        if visits:
            self._record_visits(connection, visits, users)
        if posts:
            self._append_posts(connection, posts, users)
        if messages:
            self._append_messages(connection, messages, users)
        if departures:
            self._end_sessions(connection, departures)
        if posts or messages:
            self._record_counts(connection, posts, messages, users)
        if posts or messages or visits:
            counts = {"posts": len(posts), "messages": len(messages), "visits": len(visits)}
            hour_ms = (posts or messages or visits)[-1].at_ms // HOUR_MS * HOUR_MS
            connection.execute(ACTIVE, {"hour_ms": hour_ms, **counts})

    def committed(self) -> None:
        """Remember the users that the transaction made."""
        self._known.update(self._new)
        while len(self._known) > KNOWN_NAMES:
            del self._known[next(iter(self._known))]

    def _resolve(
        self, connection: sa.Connection, posts: list[NewPost], messages: list[NewMessage], visits: list[Visit]
    ) -> dict[str, int]:
        names = {visit.name for visit in visits} | {post.name for post in posts}
        names |= {name for message in messages for name in (message.name, message.recipient)}
        hashes = {name: name_hash(name) for name in names}
        self._forget_erased(connection)
        unknown = {key: name for name, key in hashes.items() if key not in self._known}
        if unknown:
            self._new = self._find_users(connection, unknown.keys())
            self._make_users(connection, {key: name for key, name in unknown.items() if key not in self._new})
        return {name: self._known.get(key) or self._new[key] for name, key in hashes.items()}

    def _forget_erased(self, connection: sa.Connection) -> None:
        erased_id = connection.execute(ERASED).scalar() or 0
        if erased_id != self._erased_id:
            self._known.clear()
            self._erased_id = erased_id

    def _find_users(self, connection: sa.Connection, keys: Iterable[bytes]) -> dict[bytes, int]:
        rows = connection.execute(sa.select(User.name_hash, User.id).where(User.name_hash.in_(list(keys))))
        return {bytes(key): user_id for key, user_id in rows}

    def _make_users(self, connection: sa.Connection, names: dict[bytes, str]) -> None:
        if names:
            made = dict(zip(names, _next_ids(connection, USERS, len(names)), strict=True))
            rows = [(user_id, names[key], key, name_key(names[key])) for key, user_id in made.items()]
            self._bulk.insert(connection, USERS, ("id", "name", "name_hash", "name_key"), rows)
            self._new.update(made)

    def _record_visits(self, connection: sa.Connection, visits: list[Visit], users: dict[str, int]) -> None:
        by_user: dict[int, list[int]] = {}
        by_address: dict[tuple[int, str], list[int]] = {}
        for visit in visits:
            user_id = users[visit.name]
            by_user.setdefault(user_id, []).append(visit.at_ms)
            by_address.setdefault((user_id, visit.address), []).append(visit.at_ms)
        totals = [(user_id, "", "", min(at), max(at), len(at)) for user_id, at in by_user.items()]
        addresses = [
            (user_id, address, address_key(address), min(at), max(at), len(at))
            for (user_id, address), at in by_address.items()
        ]
        connection.execute(self._visit, {"rows": as_json(totals)})
        connection.execute(self._visit_address, {"rows": as_json(addresses)})
        rows = [(visit.session_id, self._node, users[visit.name], visit.address, visit.at_ms) for visit in visits]
        self._bulk.insert(connection, SESSIONS, SESSION_COLUMNS, rows)

    def _end_sessions(self, connection: sa.Connection, session_ids: list[int]) -> None:
        connection.execute(self._depart, {"rows": as_json([(session_id,) for session_id in session_ids])})

    def _append_posts(self, connection: sa.Connection, posts: list[NewPost], users: dict[str, int]) -> None:
        rows: list[Row] = []
        for post, post_id in zip(posts, _next_ids(connection, POSTS, len(posts)), strict=True):
            post.id = post_id
            rows.append((post.id, users[post.name], post.address, post.text, post.at_ms))
        self._bulk.insert(connection, POSTS, POST_COLUMNS, rows)
        held = [post for post in posts if post.held_for]
        if held:
            self._hold(connection, held)

    def _hold(self, connection: sa.Connection, posts: list[NewPost]) -> None:
        reasons = [(post.id, post.held_for) for post in posts]
        connection.execute(self._held, {"rows": as_json(reasons)})
        self._bulk.insert(connection, HOLDS, ("post_id", "reason"), reasons)

    def _append_messages(self, connection: sa.Connection, messages: list[NewMessage], users: dict[str, int]) -> None:
        rows: list[Row] = []
        for new, message_id in zip(messages, _next_ids(connection, MESSAGES, len(messages)), strict=True):
            new.id = message_id
            rows.append((new.id, users[new.name], users[new.recipient], new.address, new.text, new.at_ms))
        self._bulk.insert(connection, MESSAGES, MESSAGE_COLUMNS, rows)

    def _record_counts(
        self, connection: sa.Connection, posts: list[NewPost], messages: list[NewMessage], users: dict[str, int]
    ) -> None:
        posted = Counter(users[post.name] for post in posts)
        sent = Counter(users[message.name] for message in messages)
        rows = [(user_id, posted[user_id], sent[user_id]) for user_id in posted | sent]
        connection.execute(self._count, {"rows": as_json(rows)})


def _next_ids(connection: sa.Connection, table: sa.Table, count: int) -> range:
    """Rows are never deleted, so the highest id is also the last that was given; the lock keeps it so."""
    last = connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0
    return range(last + 1, last + 1 + count)
