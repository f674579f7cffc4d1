"""What the console pages through, who is on line, and how a row looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core import accounts
from bbs_core.errors import NotFound
from bbs_core.look import message_frames, post_frames
from bbs_core.posts import PostQuery, State, get_post, list_posts
from bbs_core.presence import Presence
from bbs_core.store import engine
from bbs_core.store.models import Post
from tests.domain.kit import new_message, new_post
from tests.store.kit import Store, post, visit

NOON_MS = 1_700_049_600_000  # 2023-11-15 12:00 UTC


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    store = Store(engine.database_url(database_url, tmp_path), tmp_path)
    store.writer.start()
    yield store
    store.close()


def test_posts_are_paged_from_the_newest(store: Store) -> None:
    store.commit([post(str(number)) for number in range(1, 8)])
    store.run(lambda connection: connection.execute(sa.update(Post).where(Post.id.in_([2, 5])).values(state=1)))
    with store.outside.connect() as connection:
        seen: list[int] = []
        while page := list_posts(connection, before_id=seen[-1] if seen else None, limit=3):
            seen += [row["id"] for row in page]
        assert seen == [7, 6, 5, 4, 3, 2, 1]
        hidden = list_posts(connection, PostQuery(State.HIDDEN))
        assert [(row["id"], row["username"], row["text"]) for row in hidden] == [(5, "ann", "5"), (2, "ann", "2")]
        assert [row["id"] for row in list_posts(connection, PostQuery(State.VISIBLE), limit=2)] == [7, 6]
        assert get_post(connection, 5)["state"] == State.HIDDEN
        for missing in (0, 8, 99):
            with pytest.raises(NotFound, match=rf"^There is no post {missing}\.$"):
                get_post(connection, missing)


def test_users_are_paged_and_those_who_never_came_are_left_out(store: Store) -> None:
    store.commit([visit("ann"), visit("bob"), new_message("x", "nobody"), visit("cy")])
    with store.outside.connect() as connection:
        first = accounts.list_users(connection, limit=2)
        rest = accounts.list_users(connection, after=(first[-1]["id"],), limit=2)
        assert sorted(row["name"] for row in [*first, *rest]) == ["ann", "bob", "cy"]
        assert [len(first), len(rest)] == [2, 1]


def test_the_addresses_of_a_user_begin_with_the_latest_and_have_an_end(store: Store) -> None:
    many = accounts.ADDRESS_LIMIT + 5
    store.commit([visit("ann", f"10.0.0.{number}", at_ms=number) for number in range(many)])
    store.commit([visit("ann", "10.0.0.7", at_ms=many), visit("bob", "::1", at_ms=1)])
    with store.outside.connect() as connection:
        users = {row["name"]: row["id"] for row in accounts.list_users(connection)}
        found = accounts.addresses_of(connection, users.values())
        latest = [7, *(number for number in reversed(range(many)) if number != 7)][: accounts.ADDRESS_LIMIT]
        assert [row["address"] for row in found[users["ann"]]] == [f"10.0.0.{number}" for number in latest]
        assert [(row["address"], row["visits"]) for row in found[users["bob"]]] == [("::1", 1)]
        assert found[users["ann"]][0]["visits"] == 2
        assert accounts.addresses_of(connection, []) == {}


@dataclass(eq=False)
class Someone:
    username: str
    address: str = "127.0.0.1"
    id: int = 0

    def end(self, reason: str) -> None:
        raise AssertionError(reason)

    notify = end


def test_a_name_is_on_line_until_its_last_session_leaves() -> None:
    presence = Presence()
    first, second, other = Someone("ann"), Someone("ann"), Someone("bob")
    for session in (first, second, other):
        presence.enter(session)
    assert (presence.names(), len(presence), list(presence)) == (["ann", "bob"], 3, [first, second, other])
    presence.leave(first)
    presence.leave(first)
    assert presence.names() == ["ann", "bob"]
    presence.leave(second)
    presence.leave(Someone("bob"))  # one that never entered
    assert (presence.names(), list(presence)) == (["bob"], [other])


def test_a_row_looks_as_the_template_says() -> None:
    row = new_post("hi {id} \x1b", name="ann", address="::1")
    row.id, row.at_ms = 7, NOON_MS
    shown = {
        "{ip} {text}": "::1 hi {id} ␛",
        "{username}: {text}": "ann: hi {id} ␛",
        "[{time}] #{id} {{{text}}}": "[2023-11-15 12:00] #7 {hi {id} ␛}",
    }
    for template, expected in shown.items():
        data = expected.encode()
        assert list(post_frames(template, True)(row)) == [b"%04d%b" % (len(data), data)]
    assert list(post_frames("{text}", False)(row)) == [b"0009hi {id} \x1b"]
    message = new_message("psst", "bob", name="ann")
    assert list(message_frames("{sender}: {text}", True)(message)) == [b"0009ann: psst"]
