"""`webhook`: what happens on the board, told to other servers in order, until they have taken it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bbs_core.public.console import Facts
from bbs_core.testing import Bbs
from plugins import webhook
from tests.builtin.hooked import (
    SECRET,
    given_up,
    prepare,
    rows,
    started,
    stored,
    target,
    tell,
    texts,
    told,
    try_again,
)
from tests.docs.fences import block
from tests.platform.receiver import Receiver, answering

PAGE = "docs/operating.md"

pytestmark = pytest.mark.bbs(plugins={"enabled": ["webhook"]})


async def test_what_is_sent_is_what_the_docs_say_and_their_check_knows_who_sent_it(bbs: Bbs) -> None:
    shown: dict[str, Any] = {}
    exec(block(PAGE, "BBS-Signature"), shown)
    with Receiver() as receiver:
        await tell(bbs, chat=receiver)
        await bbs.login("alice").post("hello")
        await bbs.clock.advance("1s")
        request = receiver.heard()
    example = json.loads(block(PAGE, '"post-17"'))
    example |= {"id": "post-1", "data": {**example["data"], "id": 1}}
    assert json.loads(request.body) == example
    assert request.first == "POST /hook?from=bbs HTTP/1.1"
    assert request.headers["Content-Type"] == "application/json"

    def check(body: bytes = request.body, secret: str = SECRET, later_s: int = 0, moved_s: int = 0) -> bool:
        now = bbs.clock.now_ms() // 1000 + later_s
        at = int(request.headers["BBS-Timestamp"]) + moved_s
        headers = {**request.headers, "BBS-Timestamp": str(at)}
        good: bool = shown["is_from_the_board"](headers, body, secret, now=lambda: now)
        return good

    assert check()
    assert check(later_s=290)
    assert not check(later_s=400)
    assert not check(body=request.body + b" ")
    assert not check(secret=SECRET[1:])
    assert not check(moved_s=1)


async def test_each_target_gets_the_events_that_it_asked_for_and_never_a_message_or_a_reason(bbs: Bbs) -> None:
    with Receiver() as posts, Receiver() as acts:
        olga = await tell(bbs)
        targets = {"posts": target(posts), "acts": target(acts, "acts")}
        await olga.configure("webhook", {"targets": targets, "allow_private": True})
        alice = bbs.login("alice")
        await alice.post("hello 日本語")
        await alice.dm("bob", "for bob alone")
        await olga.hide(1, "for staff alone")
        await bbs.clock.advance("1s")
        assert told(posts.heard()) == {"id": 1, "username": "alice", "text": "hello 日本語"}
        heard = [*acts.all_heard()]
        assert told(heard[-1]) == {
            "id": bbs.ledger[-1].id,
            "actor_kind": "staff",
            "action": "post.hide",
            "target_kind": "post",
            "target_id": "1",
        }
        assert [*posts.all_heard()] == []
    assert b"alone" not in b"".join(request.body for request in heard)


async def test_it_is_tried_until_it_is_taken_after_longer_and_longer_pauses_and_others_wait(bbs: Bbs) -> None:
    with Receiver(answering(503), answering(404), answering(302)) as receiver:
        olga = await tell(bbs, chat=receiver)
        alice = bbs.login("alice")
        await alice.post("first")
        await alice.post("second")
        seen: list[tuple[int, str]] = []
        for second in range(80):
            await bbs.clock.advance("1s")
            seen += [(second, text) for text in texts(receiver)]
        assert [text for _, text in seen] == ["first"] * 4 + ["second"]
        at = [second for second, _ in seen]
        assert at[0] == 0
        assert [later - earlier for earlier, later in pairwise(at)] == [10, 20, 40, 0]
        assert [row[1:] for row in await rows(olga)] == [["post-2", "sent", 1, ""], ["post-1", "sent", 4, ""]]


async def test_after_the_last_attempt_the_next_event_has_its_turn_and_a_button_tries_once_more(bbs: Bbs) -> None:
    with Receiver(answering(500), answering(500)) as receiver:
        olga = await tell(bbs, {"retries": 1}, chat=receiver)
        alice = bbs.login("alice")
        await alice.post("first")
        await bbs.clock.advance("1s")
        assert (await olga.cards("webhook"))["show_failing"] == [Facts({"chat": 1})]
        await alice.post("second")
        await bbs.clock.advance("15s")
        assert texts(receiver) == ["first", "first", "second"]
        where = f"chat (127.0.0.1:{receiver.port})"
        assert await rows(olga) == [
            [where, "post-2", "sent", 1, ""],
            [where, "post-1", "failed", 2, "It answered 500."],
        ]
        await try_again(olga, 1)
        await bbs.clock.advance("1s")
        assert texts(receiver) == ["first"]
        assert [row[2] for row in await rows(olga)] == ["sent", "sent"]


async def test_a_button_tries_at_once_what_waits_for_its_time(bbs: Bbs) -> None:
    with Receiver(answering(500)) as receiver:
        olga = await tell(bbs, chat=receiver)
        await bbs.login("alice").post("first")
        await bbs.clock.advance("1s")
        await try_again(olga, 0)
        await bbs.clock.advance("1s")
        assert texts(receiver) == ["first", "first"]


async def test_a_test_event_goes_to_every_target(bbs: Bbs) -> None:
    with Receiver() as chat, Receiver() as audit:
        olga = await tell(bbs, chat=chat, audit=audit)
        await olga.act("webhook", "send_test")
        await bbs.clock.advance("1s")
        bodies = [json.loads(receiver.heard().body) for receiver in (chat, audit)]
    assert bodies[0] == bodies[1]
    assert (bodies[0]["kind"], bodies[0]["data"]) == ("test", {})


async def test_the_oldest_of_too_many_that_wait_are_given_up_and_counted(
    bbs: Bbs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "KEPT", 3)
    with Receiver(answering(500)) as receiver:
        olga = await tell(bbs, chat=receiver)
        alice = bbs.login("alice")
        await alice.post("post 0")
        await bbs.clock.advance("1s")
        for number in range(1, 6):
            await alice.post(f"post {number}")
        assert (await given_up(olga), [row[1] for row in await rows(olga)]) == (3, ["post-6", "post-5", "post-4"])
        await bbs.clock.advance("20s")
        assert texts(receiver) == ["post 0", "post 3", "post 4", "post 5"]
        await alice.post("post 6")
        await bbs.clock.advance("1s")
        assert (await given_up(olga), [row[1] for row in await rows(olga)]) == (3, ["post-7", "post-6", "post-5"])


async def test_no_text_is_kept_that_was_taken_and_none_of_a_user_who_is_erased(bbs: Bbs) -> None:
    with Receiver(answering(200), answering(500)) as receiver:
        olga = await tell(bbs, chat=receiver)
        alice, bob = bbs.login("alice"), bbs.login("bob")
        await alice.post("taken")
        await alice.post("untaken")
        await bob.post("of bob")
        await bbs.clock.advance("1s")
        outcomes = await olga.erase("alice", force=True)
        assert "1 posts that waited for other servers were forgotten." in repr(outcomes)
        assert [row[1] for row in await rows(olga)] == ["post-3", "post-1"]
        assert [kept["body"] for kept in await stored(bbs)] == [(await stored(bbs))[0]["body"], ""]
        assert "alice" not in repr(await stored(bbs))
        await bbs.clock.advance("20s")
        assert texts(receiver) == ["taken", "untaken", "of bob"]


async def test_what_waits_is_sent_after_a_restart(tmp_path: Path, database_url: str) -> None:
    data = tmp_path / "board"
    data.mkdir()
    prepare(data, database_url)
    with Receiver(answering(500)) as receiver:
        with started(data, database_url, receiver) as bbs:
            alice = bbs.login("alice")
            await alice.post("first")
            await bbs.clock.advance("1s")
            await alice.post("second")
            assert texts(receiver) == ["first"]
        with started(data, database_url, receiver) as bbs:
            await bbs.clock.advance("9s")
            assert texts(receiver) == []
            await bbs.clock.advance("10s")
            assert texts(receiver) == ["first", "second"]
            assert [row[2:4] for row in await rows(bbs.staff("olga"))] == [["sent", 1], ["sent", 2]]
