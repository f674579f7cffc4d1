"""`/new`: what came since the last visit of a name."""

from __future__ import annotations

import pytest

from bbs_core.personal_data import Outcome, Reply
from bbs_core.platform import personal
from bbs_core.public.lines import User
from bbs_core.testing import Bbs
from tests.builtin.kit import visit
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

NOTHING = "Nothing is new since your last visit."
ON = pytest.mark.bbs(plugins={"enabled": ["new"]})


def news(client: StockClient) -> list[str]:
    """Ask what is new; returns the answer, which comes with any list."""
    client.post("/new")
    return [row.removeprefix("* ") for row in client.listdm() if row.startswith("* ")]


def test_a_stock_user_is_told_what_came_while_they_were_away(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        ann.post("first")
        ann.list()
        with visit(board, "bob") as bob:
            assert news(bob) == ["Welcome! list shows 1 post, and listdm no messages."]
            bob.list()
        ann.post("second ☕")
        ann.dm("bob", "hello bob")
        ann.dm("cat", "hello cat")
        ann.post("third 日本語")
        ann.list()
        told = ["Since your last visit: 2 posts, 1 message.", "127.0.0.1 second ☕", "127.0.0.1 third 日本語"]
        told += ["Messages:", "hello bob"]
        with visit(board, "bob") as bob:
            assert news(bob) == told
            bob.list()
            bob.listdm()
            assert news(bob) == told
        with visit(board, "bob") as bob:
            assert news(bob) == [NOTHING]
            bob.post("fourth")
            assert news(bob) == ["Since your last visit: 1 post, no messages.", "127.0.0.1 fourth"]


@ON
async def test_what_was_shown_is_new_no_more_and_what_was_not_stays_new(bbs: Bbs) -> None:
    alice, bob = bbs.login("alice"), bbs.login("bob")
    await alice.post("one")
    await bob.list()
    await alice.post("two")
    await bob.leave()
    bob = bbs.login("bob")
    await bob.post("a visit that reads nothing")
    await bob.leave()
    bob = bbs.login("bob")
    said = ["Since your last visit: 2 posts, no messages.", "127.0.0.1 two", "127.0.0.1 a visit that reads nothing"]
    assert await bob.send("/new") == said
    await bob.leave()
    assert await bbs.login("bob").send("/new") == [NOTHING]


@ON
async def test_each_name_has_a_place_of_its_own(bbs: Bbs) -> None:
    alice = bbs.login("alice")
    names = [f"user {number}" for number in range(120)]
    for name in names:
        await alice.post(name)
        visitor = bbs.login(name)
        await visitor.list()
        await visitor.leave()
    for number in (0, 60, 119):
        [said, *_] = await bbs.login(names[number]).send("/new")
        left = 119 - number
        assert said == (f"Since your last visit: {left} posts, no messages." if left else NOTHING)


@ON
async def test_only_the_newest_rows_are_shown_as_many_as_the_admin_likes(bbs: Bbs) -> None:
    alice, bob, olga = bbs.login("alice"), bbs.login("bob"), bbs.staff("olga")
    await alice.post("before")
    await bob.list()
    await bob.leave()
    for number in range(12):
        await alice.post(f"{number}" + "x" * 5000 * (number == 11))
    bob = bbs.login("bob")
    said, *rows = await bob.send("/new")
    assert said == "Since your last visit: 12 posts, no messages."
    assert rows == [*(f"127.0.0.1 {number}" for number in range(2, 11)), "127.0.0.1 11" + "x" * 487 + "…"]
    await olga.configure("new", {"rows": 0})
    assert await bob.send("/new") == [said]


@pytest.mark.bbs(plugins={"enabled": ["new"]}, board={"window": 3})
async def test_a_window_is_part_of_what_is_said(bbs: Bbs) -> None:
    alice, bob = bbs.login("alice"), bbs.login("bob")
    await alice.post("before")
    await bob.list()
    await bob.leave()
    for number in range(5):
        await alice.post(str(number))
    said = "Since your last visit: 3 posts (list leaves out 2 earlier), no messages."
    assert await bbs.login("bob").send("/new") == [said, "127.0.0.1 2", "127.0.0.1 3", "127.0.0.1 4"]


def test_what_is_kept_of_a_user_is_exported_and_forgotten(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        ann.post("for dora and dan")
        ann.list()
        for name in ("dora", "dan"):
            with visit(board, name) as client:
                client.list()
    last_id, dora = board.call(lambda: board.app.board.last_id), User(7, "dora", False)
    kept = Reply("new", Outcome.ANSWERED, "", {"post_id": last_id, "message_id": 0})
    forgotten = Reply("new", Outcome.ANSWERED, "How far the user has read was forgotten.")
    assert kept in personal.export(board.app.edges.calls, dora)
    assert forgotten in personal.forget(board.app.edges.calls, dora)
    assert Outcome.NOTHING in [
        one.outcome for one in personal.export(board.app.edges.calls, dora) if one.plugin == "new"
    ]
    assert Outcome.NOTHING in [
        one.outcome for one in personal.forget(board.app.edges.calls, dora) if one.plugin == "new"
    ]
    with visit(board, "dora") as client:
        assert news(client)[0].startswith("Welcome!")
    with visit(board, "dan") as client:
        assert news(client) == [NOTHING]
