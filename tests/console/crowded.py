"""A board that many have used for long, written in a few statements that both databases know.

What is rare stands where a reader who goes through the rows one by one meets it last. One name has half of the posts,
one mailbox all messages, one address everybody, and one member of staff nearly all acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.search import POSITION
from bbs_core.store.appends import USERS
from bbs_core.store.bulk import bulk_for
from bbs_core.store.models import UserAddress, address_key, name_hash, name_key

# Where everyone came from once, as the pupils of one school do.
SCHOOL = "192.0.2.1"
ADDRESSES = cast(sa.Table, UserAddress.__table__)
USER_COLUMNS = ("id", "name", "name_hash", "name_key", "first_visit_at_ms", "last_visit_at_ms", "visits")
ADDRESS_COLUMNS = ("user_id", "address", "address_key", "first_visit_at_ms", "last_visit_at_ms", "visits")
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
POSTS = (
    f"INSERT INTO posts (id, user_id, address, text, at_ms, state) {NUMBERS}"
    f" SELECT i, CASE WHEN i % 2 = 0 THEN 1 ELSE 1 + i % :users END, '{SCHOOL}',"
    " CASE WHEN i <= 5 THEN 'rare ' ELSE '' END || 'hello, this is post ' || i || ' of thread' || (i % 500), i * 1000,"
    " CASE WHEN i <= :few THEN 1 + i % 3 ELSE 0 END FROM n"
)
HOLDS = "INSERT INTO holds (post_id, reason) SELECT id, 'a word' FROM posts WHERE state = 2"
MESSAGES = (
    f"INSERT INTO messages (id, sender_id, recipient_id, address, text, at_ms) {NUMBERS}"
    f" SELECT i, 1 + i % :users, 1, '{SCHOOL}', 'psst', i * 1000 FROM n"
)
ACTS = (
    "INSERT INTO acts"
    " (id, at_ms, actor_kind, actor, via, action, target_kind, target_id, before, after, reason, digest)"
    f" {NUMBERS} SELECT i, i * 1000, 'staff', 'actor ' || i, 'console',"
    " CASE WHEN i <= 5 THEN 'ban.add' ELSE 'post.hide' END, CASE WHEN i <= 5 THEN 'sanction' ELSE 'post' END,"
    " CASE WHEN i <= 5 THEN '5' ELSE '7' END, '{}', '{}', 'reason ' || i, :digest FROM n"
)
ACTORS = (
    "INSERT INTO act_texts (digest, act_id, salt, text, actor_key) SELECT actor, id, digest,"
    " CASE WHEN id <= 5 THEN 'rita' ELSE 'olga' END, CASE WHEN id <= 5 THEN 'rita' ELSE 'olga' END FROM acts"
)
REASONS = "INSERT INTO act_texts (digest, act_id, salt, text) SELECT reason, id, digest, 'spam' FROM acts"
SANCTIONS = (
    "INSERT INTO sanctions (measure, kind, value, user_id, reason, note, created_at_ms, lifted_at_ms)"
    f" {NUMBERS} SELECT CASE WHEN i % 2 = 0 THEN 'mute' ELSE 'ban' END, 'user', 'user ' || i, i, 'spam', '', i,"
    " CASE WHEN i <= 10 THEN NULL ELSE i END FROM n"
)
REPORTS = (
    "INSERT INTO reports (kind, target_id, user_id, words, at_ms, closed_at_ms, outcome)"
    f" {NUMBERS} SELECT CASE WHEN i % 2 = 0 THEN 'message' ELSE 'post' END, 1 + i / 10, 1 + i % 10,"
    " 'rude', i, CASE WHEN i <= 100 THEN NULL ELSE i END, CASE WHEN i <= 100 THEN NULL ELSE 'acted' END FROM n"
)
SESSIONS = (
    "INSERT INTO sessions (id, node, user_id, address, opened_at_ms)"
    f" {NUMBERS} SELECT i * 1000, '', i, '{SCHOOL}', i FROM n"
)
REMARKS = f"INSERT INTO remarks (user_id, author, text, at_ms) {NUMBERS} SELECT 1, 'olga', 'a newcomer', i FROM n"
ANNOUNCEMENTS = f"INSERT INTO announcements (id, text, at_ms, until_ms) {NUMBERS} SELECT i, 'hello', i, i + 1 FROM n"
ACTIVITY = f"INSERT INTO activity (hour_ms, posts) {NUMBERS} SELECT :hour_ms - CAST(i AS BIGINT) * 3600000, 1 FROM n"
WORDS = {
    "sqlite": "INSERT INTO post_search (post_search) VALUES ('rebuild')",
    "postgresql": "INSERT INTO post_search (post_id, words) SELECT id, to_tsvector('simple', text) FROM posts",
}


@dataclass(frozen=True)
class Crowd:
    """How many of each there are; `few` are those that staff look after: not shown, on line, under a sanction."""

    users: int
    posts: int
    messages: int
    acts: int
    few: int = 300


def fill(connection: sa.Connection, crowd: Crowd) -> None:
    """Write a crowd into a new board, all of it indexed for the search."""
    fill_users(connection, crowd.users)
    users, few = {"users": crowd.users}, {"few": crowd.few}
    _run(connection, POSTS, crowd.posts, **users, **few)
    connection.execute(sa.text(HOLDS))
    _run(connection, MESSAGES, crowd.messages, **users)
    _run(connection, ACTS, crowd.acts, digest=b"")
    for texts in (ACTORS, REASONS, WORDS[connection.dialect.name]):
        connection.execute(sa.text(texts))
    for statement in (SANCTIONS, SESSIONS, REMARKS, ANNOUNCEMENTS):
        _run(connection, statement, crowd.few)
    _run(connection, REPORTS, 10 * crowd.few)
    _run(connection, ACTIVITY, 24 * 31, hour_ms=now_ms() // 3_600_000 * 3_600_000)
    _run(connection, "INSERT INTO positions (name, through_id) VALUES (:name, :count)", crowd.posts, name=POSITION)


def fill_users(connection: sa.Connection, count: int) -> None:
    """Make users 1 to `count`; every third was only written to, the others came from two addresses each."""
    bulk, visited = bulk_for(connection.engine), [number for number in range(1, count + 1) if number % 3]
    names = {number: f"User {number * 7919 % count} of {count}" for number in range(1, count + 1)}
    times = {number: (number, number * 7919 % count, 1) for number in visited}
    rows = [
        (number, name, name_hash(name), name_key(name), *times.get(number, (None, None, 0)))
        for number, name in names.items()
    ]
    bulk.insert(connection, USERS, USER_COLUMNS, rows)
    places = [(number, address) for number in visited for address in (SCHOOL, home(number))]
    bulk.insert(
        connection,
        ADDRESSES,
        ADDRESS_COLUMNS,
        [(number, address, address_key(address), number, number, 1) for number, address in places],
    )


def home(number: int) -> str:
    """Return the address that one user alone has."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _run(connection: sa.Connection, statement: str, count: int, **more: object) -> None:
    connection.execute(sa.text(statement), {"count": count, **more})
