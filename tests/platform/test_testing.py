"""The fixture `bbs`: a board for the tests of plugins, real but for its sockets and its clock."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bbs_core import clock
from bbs_core.errors import PluginError, UserError
from bbs_core.testing import Bbs, LineEnded
from bbs_core.testing.project import Project, named
from tests.plain_log import logging_kept
from tests.platform import sample
from tests.platform.hundred import run_tests, write_tests

WAIT_S = 10
SAMPLE = Path(sample.__file__)

pytestmark = pytest.mark.bbs(SAMPLE.name)


@pytest.fixture
def project() -> Iterator[Project]:
    project = Project([SAMPLE], None)
    yield project
    project.close()


async def test_a_frame_is_answered_by_its_own_rows(bbs: Bbs) -> None:
    alice = await bbs.login("alice")
    assert await alice.send("/greet") == ["Hello, alice."]
    assert await alice.send("/poke nobody") == ["Who is nobody?"]
    assert await alice.send("/who") == ["1 on line:", "alice"]
    assert await bbs.login("bob").send("/greet you") == ["Usage: /greet"]
    assert await alice.list() == await alice.listdm() == []


async def test_what_is_sent_shows_for_others(bbs: Bbs) -> None:
    alice, bob = bbs.login("alice", "192.0.2.7"), bbs.login("bob")
    assert await alice.post("good morning") == ["Thank you for good morning."]
    assert await alice.dm("bob", "are you there?") == []
    assert await bob.list() == ["192.0.2.7 good morning"]
    assert await bob.listdm() == ["are you there?"]
    assert [(post.username, post.address, post.text) for post in bbs.posts] == [("alice", "192.0.2.7", "good morning")]
    assert [(one.sender, one.recipient, one.text) for one in bbs.messages] == [("alice", "bob", "are you there?")]


async def test_what_is_said_unasked_is_in_the_notices_and_in_no_list(bbs: Bbs) -> None:
    alice, bob = bbs.login("alice"), bbs.login("bob")
    for _ in range(2):
        assert await alice.send("/poke bob") == ["bob is poked."]
    assert await bob.send("/greet") == ["Hello, bob."]
    assert bob.notices == ["alice pokes you."] * 2
    assert await bob.list() == []
    assert bob.notices == ["alice pokes you."] * 2
    assert alice.notices == []


async def test_a_notice_waits_for_its_user(bbs: Bbs) -> None:
    alice, bob = bbs.login("alice"), bbs.login("bob")
    await bob.leave()
    await alice.send("/poke bob")
    assert bbs.login("bob").notices == ["alice pokes you."]


async def test_a_line_ends_as_it_would_on_the_wire(bbs: Bbs) -> None:
    refused = bbs.login("mallory", "192.0.2.1")
    assert refused.ended == "not from there"
    alice, bob = bbs.login("alice"), bbs.login("bob")
    await alice.send("/leave")
    await bob.leave()
    assert (alice.ended, bob.ended) == ("Go in peace.", "The line was closed.")
    with pytest.raises(LineEnded, match=r"alice is not on line: Go in peace\."):
        await alice.send("hello?")
    assert await bbs.login("carol").send("/who") == ["1 on line:", "carol"]


async def test_staff_act_as_in_the_console(bbs: Bbs) -> None:
    alice, olga = bbs.login("alice"), bbs.staff("olga")
    await alice.post("first")
    assert bbs.staff("olga") is olga
    await olga.hide(1, "rude")
    assert await alice.list() == [] == bbs.posts
    await olga.restore(1)
    assert await alice.list() == ["127.0.0.1 first"]
    await olga.mute("alice", "enough", hours=1)
    assert (await alice.post("second"))[0].startswith("Your post was not kept.")
    await olga.kick("alice", "go home")
    assert "go home" in alice.ended
    acts = [(act.actor_kind, act.action, act.target_id, act.reason) for act in bbs.ledger]
    assert acts[0] == ("operator", "staff.add", "1", "")
    assert acts[1:3] == [("staff", "post.hide", "1", "rude"), ("staff", "post.restore", "1", "a test")]
    assert {action for _, action, *_ in acts[3:]} == {"mute.add", "session.kick"}


async def test_a_ban_ends_when_the_clock_says_so(bbs: Bbs) -> None:
    alice, olga = bbs.login("alice"), bbs.staff("olga")
    await olga.ban("alice", "spam", hours=2)
    assert alice.ended.startswith("You are banned")
    [reason] = await bbs.login("alice").list()
    assert "spam" in reason
    await bbs.clock.advance("2h")
    assert await bbs.login("alice").list() == [f"operator It is {one}." for one in times(bbs, 12)]


def times(bbs: Bbs, count: int) -> list[int]:
    return [bbs.clock.now_ms() - 600_000 * number for number in reversed(range(count))]


async def test_who_sleeps_on_another_loop_is_no_concern_of_the_clock(bbs: Bbs) -> None:
    elsewhere = asyncio.ensure_future(clock.sleep(3600))
    await asyncio.sleep(0)
    await asyncio.wait_for(bbs.clock.advance("2h"), WAIT_S)
    assert not elsewhere.done()
    elsewhere.cancel()


async def test_timers_run_when_the_clock_moves(bbs: Bbs) -> None:
    began = bbs.clock.now_ms()
    await bbs.clock.advance("9m59s")
    assert bbs.posts == []
    await bbs.clock.advance("20m1s")
    assert bbs.clock.now_ms() == began + 1_800_000
    assert [(post.text, post.at_ms) for post in bbs.posts] == [(f"It is {one}.", one) for one in times(bbs, 3)]


async def test_settings_change_for_the_board_and_for_the_plugin(bbs: Bbs) -> None:
    alice, olga = bbs.login("alice"), bbs.staff("olga")
    await olga.change({"board.post_row": "{username}: {text}"})
    await alice.post("hello")
    assert await alice.list() == ["alice: hello"]
    await olga.configure("sample", {"greeting": "Good evening"})
    assert await alice.send("/greet") == ["Good evening, alice."]
    await olga.undo(bbs.ledger[-1].id)
    assert await alice.send("/greet") == ["Hello, alice."]


async def test_a_post_that_is_held_is_seen_when_it_is_approved(bbs: Bbs) -> None:
    alice, olga = bbs.login("alice"), bbs.staff("olga")
    [waits] = await alice.post("see http://example.org")
    assert waits.startswith("Your post waits for a review")
    assert bbs.posts == []
    [held] = bbs.held
    await olga.approve(held.id)
    assert [post.text for post in bbs.posts] == ["see http://example.org"]
    assert bbs.held == []


async def test_a_plugin_that_fails_too_often_is_let_back_by_the_staff(bbs: Bbs) -> None:
    alice, olga = bbs.login("alice"), bbs.staff("olga")
    for _ in range(5):
        [failed] = await alice.send("/fail")
        assert failed.startswith("The plugin sample failed (incident ")
    assert await alice.send("/fail") == ["/fail is switched off."]
    await olga.enable("sample")
    assert await alice.send("/greet") == ["Hello, alice."]
    await olga.disable("sample")
    assert await alice.send("/greet") == []
    assert [post.text for post in bbs.posts] == ["/greet"]


def test_where_a_plugin_fails_is_printed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_kept():
        # As where nobody has said how to log.
        structlog.reset_defaults()
        with project.board(project.plugins, {}) as board:
            asyncio.run(board.login("alice").send("/fail"))
        assert not structlog.is_configured()
    told = capsys.readouterr().out
    assert 'raise RuntimeError("on purpose")' in told
    assert "RuntimeError: on purpose" in told


async def test_verbs_and_metrics_are_at_hand(bbs: Bbs) -> None:
    assert await bbs.run("sample", "sum", "3 4") == ["7"]
    with pytest.raises(UserError, match=r"Usage: sum \[numbers…\]"):
        await bbs.run("sample", "sum", "three")
    assert await bbs.metrics() == {("sample", "calls"): 0.0}


@pytest.mark.parametrize("time", [1, 2])
async def test_each_test_has_a_file_imported_afresh(bbs: Bbs, time: int) -> None:
    assert await bbs.login("alice").send("/count") == ["1"]


@pytest.mark.bbs(sample, board={"post_row": "{text}!"}, plugins={"disabled": ["who"]})
async def test_a_mark_names_modules_and_settings(bbs: Bbs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "calls", [1, 1])
    alice = bbs.login("alice")
    assert await alice.send("/count") == ["3"]
    await alice.post("/who")
    assert await alice.list() == ["/who!"]


@pytest.mark.bbs
def test_a_plain_test_may_use_what_needs_no_waiting(bbs: Bbs) -> None:
    alice = bbs.login("alice")
    assert asyncio.run(alice.send("/greet")) == [] == alice.notices
    assert [post.text for post in bbs.posts] == ["/greet"]


def test_two_boards_at_once_know_nothing_of_one_another(project: Project) -> None:
    with project.board(project.plugins, {}) as one, project.board(project.plugins, {}) as other:
        asyncio.run(one.login("alice").post("here"))
        assert (len(one.posts), other.posts) == (1, [])


def test_a_plugin_that_cannot_be_loaded_fails_the_test_with_its_reason(project: Project, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("\nimport nothing_of_this_name\n")
    with pytest.raises(PluginError, match=r"nothing_of_this_name' \(broken.py:2\)"):
        project.board(named("broken.py", tmp_path), {}).__enter__()
    with project.board(project.plugins, {}) as board:
        assert board.posts == []


def test_a_board_opens_no_socket_and_leaves_no_thread_and_no_file(project: Project) -> None:
    asyncio.run(visit(project))
    before = {*threading.enumerate()}
    opened: list[str] = []
    watch(opened)
    asyncio.run(visit(project))
    watching.clear()
    assert opened == []
    for thread in {*threading.enumerate()} - before:
        thread.join(WAIT_S)
        assert not thread.is_alive(), thread
    folder = Path(project._folder.name)
    project.close()
    assert not folder.exists()


def test_where_nobody_asks_for_a_board_nothing_of_it_is_imported() -> None:
    ask = "import sys, bbs_core.testing.pytest_plugin; print(*(name for name in sys.modules if name[:8] == 'bbs_core'))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["bbs_core", "bbs_core.testing", "bbs_core.testing.pytest_plugin"]


async def visit(project: Project) -> None:
    with project.board(project.plugins, {}) as board:
        alice = board.login("alice")
        await alice.send("/count")
        await alice.post("hello")
        await board.clock.advance("1h")


watching: list[list[str]] = []


def watch(opened: list[str]) -> None:
    """Note what is told of sockets from now on; a hook of the interpreter stays for ever, so it listens to nobody."""
    watching.append(opened)

    def hear(event: str, _arguments: tuple[object, ...]) -> None:
        if event in ("socket.bind", "socket.connect") and watching:
            watching[0].append(event)

    sys.addaudithook(hear)


def test_a_hundred_tests_cost_less_than_four_times_what_one_does(tmp_path: Path) -> None:
    write_tests(tmp_path)
    assert cpu_s(tmp_path) < 4 * cpu_s(tmp_path, "-k", "[0]")


def cpu_s(folder: Path, *options: str) -> float:
    """Return the seconds of the processor that a run of a folder's tests takes."""
    before_s = children_s()
    run_tests(folder, *options)
    return children_s() - before_s


def children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
