"""`webhook` among targets that hang, flood, lead astray or stand where they should not be."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from bbs_core.errors import InvalidOptions
from bbs_core.testing import Bbs
from plugins import webhook
from tests.builtin.hooked import (
    SECRET,
    board_failures,
    rows,
    runner_of,
    tell,
    texts,
    told,
)
from tests.platform.receiver import Behaviour, Receiver, answering

pytestmark = pytest.mark.bbs(plugins={"enabled": ["webhook"]})


def hang(line: socket.socket) -> None:
    line.recv(1)  # nothing comes before the other side has gone


def flood(line: socket.socket) -> None:
    while True:
        line.sendall(b"x" * 1_000_000)


def endless(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    flood(line)


def close(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1")


HOSTILE: list[tuple[Behaviour, str]] = [
    (hang, "It took longer than 0.2 s."),
    (flood, "It cannot be reached: "),
    (close, "It gave no answer of HTTP."),
    (endless, ""),
]


@pytest.mark.parametrize(("behaviour", "error"), HOSTILE)
async def test_a_hostile_target_holds_up_no_other_and_is_no_failure_of_the_plugin(
    bbs: Bbs, behaviour: Behaviour, error: str
) -> None:
    with Receiver(*[behaviour] * 3) as bad, Receiver() as good:
        olga = await tell(bbs, {"timeout_s": 0.2, "retries": 0}, bad=bad, good=good)
        alice = bbs.login("alice")
        for number in range(3):
            await alice.post(f"post {number}")
        await bbs.clock.advance("1s")
        assert texts(good) == [f"post {number}" for number in range(3)]
        await bbs.clock.advance("1m")
        found = [row for row in await rows(olga) if row[0].startswith("bad")]
        assert {row[2] for row in found} == {"failed" if error else "sent"}
        assert all(row[4].startswith(error) and bool(row[4]) is bool(error) for row in found)
    assert board_failures(bbs) == 0


async def test_what_hangs_for_long_keeps_no_other_target_and_comes_again_where_the_board_has_ended_meanwhile(
    bbs: Bbs,
) -> None:
    with Receiver(hang) as bad, Receiver() as good:
        olga = await tell(bbs, {"timeout_s": 30}, bad=bad, good=good)
        alice = bbs.login("alice")
        await alice.post("first")
        await bbs.clock.advance("1s")
        assert told(bad.heard())["text"] == "first"
        await alice.post("second")
        await bbs.clock.advance("1s")
        assert texts(good) == ["first", "second"]
        await olga.disable("webhook")
        await olga.enable("webhook")
        await bbs.clock.advance("30s")
        assert texts(bad) == []
        await bbs.clock.advance("10s")
        assert texts(bad) == ["first", "second"]
    assert board_failures(bbs) == 0


async def test_servers_that_begin_at_once_send_each_event_once(bbs: Bbs) -> None:
    with Receiver() as receiver:
        await tell(bbs, chat=receiver)
        alice = bbs.login("alice")
        for number in range(5):
            await alice.post(f"post {number}")
        runner = runner_of(bbs)

        async def several() -> None:
            own = runner.server, runner.settings, runner.storage
            await asyncio.gather(*(webhook._send("chat", *own) for _ in range(3)))

        await bbs._board.do(several())
        assert texts(receiver) == [f"post {number}" for number in range(5)]


async def test_a_redirect_is_not_followed(bbs: Bbs) -> None:
    with Receiver() as inner:
        location = f"HTTP/1.1 307 Look there\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with Receiver(lambda line: line.sendall(location)) as outer:
            olga = await tell(bbs, chat=outer)
            await bbs.login("alice").post("hello")
            await bbs.clock.advance("1s")
            assert [row[4] for row in await rows(olga)] == ["It answered 307."]
        assert [*inner.all_heard()] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433"])
async def test_a_private_address_is_not_dialled_unless_that_is_allowed(bbs: Bbs, host: str) -> None:
    with Receiver() as receiver:
        olga = bbs.staff("olga")
        url = f"http://{host}:{receiver.port}/"
        await olga.configure("webhook", {"targets": {"chat": {"url": url, "secret": SECRET}}})
        await bbs.login("alice").post("hello")
        await bbs.clock.advance("1s")
        [[_, _, status, attempts, error]] = await rows(olga)
        assert (status, attempts) == ("waiting", 1)
        assert error.endswith(" is no public address.")
        assert [*receiver.all_heard()] == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"url": "http://eve:hunter2@a.example/"}, "url"),
        ({"url": "ftp://a.example/"}, "url"),
        ({"url": "http://"}, "url"),
        ({"secret": "hunter2"}, "secret"),
        ({"events": ["messages"]}, "events"),
    ],
)
async def test_a_target_that_will_not_do_is_refused_and_its_secrets_are_not_said(
    bbs: Bbs, wrong: dict[str, Any], why: str
) -> None:
    good = {"url": "https://a.example/", "secret": SECRET, "events": ["posts"]}
    with pytest.raises(InvalidOptions, match=rf"webhook\.targets\.chat\.{why}") as refused:
        await bbs.staff("olga").configure("webhook", {"targets": {"chat": {**good, **wrong}}})
    assert "hunter2" not in str(refused.value)


async def test_a_secret_is_on_no_page_and_in_no_act(bbs: Bbs, capsys: pytest.CaptureFixture[str]) -> None:
    with Receiver(answering(500)) as receiver:
        olga = await tell(bbs, chat=receiver)
        await bbs.login("alice").post("hello")
        await bbs.clock.advance("1s")
        await olga.act("webhook", "send_test")
        shown: list[object] = [await olga.open("webhook", "show_deliveries"), await olga.cards("webhook"), bbs.ledger]
    configured = bbs._board.app.plugins.configured("webhook")
    assert configured is not None
    assert configured.settings is not None
    shown += [configured.options.shown(configured.settings), configured.settings, capsys.readouterr()]
    assert SECRET not in repr(shown)
    assert receiver.url.partition("/hook")[0].removeprefix("http://") in repr(shown)
    assert "hook?from=bbs" not in repr(shown)
    assert "**********" in repr(shown)
