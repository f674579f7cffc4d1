"""A command with `isolation="process"` cannot harm the server, whatever it does there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bbs_core import incidents, plugin_switches
from bbs_core.errors import UserError
from bbs_core.platform.pool import QUEUE_LIMIT
from bbs_core.setting_types import MIB
from tests.effects.kit import act
from tests.platform.lab import answer, ends, person, put_lab, told
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

# A worker has to start within it, also where the machine is busy.
DEADLINE_S = 3.0
BUSY = "The plugin lab is busy at the moment; please try again."


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("board")
    put_lab(found)
    return found


@pytest.fixture(scope="module")
def board(data: Path) -> Iterator[LiveBoard]:
    limits = {"deadline_s": DEADLINE_S, "quarantine_failures": 10_000, "worker_memory_bytes": 64 * MIB}
    with LiveBoard(data, plugins=limits) as running:
        yield running


@pytest.fixture(scope="module")
def ann(board: LiveBoard) -> Iterator[StockClient]:
    with board.client("ann") as client:
        yield client


@pytest.fixture(scope="module")
def bob(board: LiveBoard) -> Iterator[StockClient]:
    with board.client("bob") as client:
        yield client


def incident(board: LiveBoard, row: str) -> Any:
    """Return the incident whose number stands in a row."""
    number = row.rpartition("incident ")[2].removesuffix(").")
    return board.app.access.write(lambda connection: incidents.get_incident(connection, number))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/hello", ["Hello, ann at 127.0.0.1."]),
        ("/hello 2", ["Hello, ann at 127.0.0.1."] * 2),
        ("/hello x", ["Usage: /hello [times] (times: it should be a valid integer)"]),
        ("/hello 1 2", ["Usage: /hello [times]"]),
        ("/tell  this \u263a\x07", ["Not this \u263a\u2407."]),
        ("/look username", ["ann"]),
        ("/answer nothing", []),
        ("/answer surrogate", ["?"]),
        ("/answer number", ["The plugin behind /answer answered something that is not rows."]),
        ("/answer object", ["The plugin behind /answer answered something that is not rows."]),
        ("/answer mixed", ["The plugin behind /answer answered something that is not rows."]),
        ("/help hello", ["/hello [times]", "Say hello."]),
        ("/modules", []),
        ("/eat 32", ["32 MiB"]),
        ("/print", ["this"]),
    ],
)
def test_it_answers_as_any_command_does(board: LiveBoard, ann: StockClient, typed: str, said: list[str]) -> None:
    failures = board.app.plugins["lab"].failure_count
    assert answer(ann, typed) == said
    assert board.app.plugins["lab"].failure_count == failures


def test_the_largest_answer_comes_whole(board: LiveBoard) -> None:
    asked = board.app.plugins.hooks.bbs_command_answer(session=person(), text="most")
    assert board.wait(asked) == ["\U0001f600" * 200] * 10_000


def test_the_process_stays_for_the_next_call_and_after_a_failure_too(board: LiveBoard, ann: StockClient) -> None:
    [pid] = answer(ann, "/pid")
    assert int(pid) != os.getpid()
    answer(ann, "/keep one")
    for typed in ("/parse x", "/look board", "/answer more"):
        [row] = answer(ann, typed)
        assert row.startswith("The plugin lab failed (incident ")
    assert answer(ann, "/keep two")[-2:] == ["one", "two"]
    assert answer(ann, "/pid") == [pid]


def test_a_failure_has_its_place_in_the_plugin_and_not_what_was_typed(board: LiveBoard, ann: StockClient) -> None:
    [row] = answer(ann, "/parse hidden words")
    trace = incident(board, row)["trace"]
    assert "lab/__init__.py" in trace
    assert "return int(text)" in trace
    assert trace.endswith("\nValueError")
    assert "hidden words" not in trace


@pytest.mark.parametrize("word", ["/loop", "/sleep"])
def test_a_call_that_hangs_is_ended_and_others_are_served_meanwhile(
    board: LiveBoard, data: Path, ann: StockClient, bob: StockClient, word: str
) -> None:
    failures = board.app.plugins["lab"].failure_count
    with told(data / "begun") as begun:
        ann.post(word)
        with ends(begun()):
            bob.post(f"hello {word}")
            assert bob.list()[-1] == f"127.0.0.1 hello {word}"
            assert board.app.plugins["lab"].failure_count == failures
            [row] = answer(ann, "hello")
            assert row.startswith("The plugin lab did not answer in time (incident ")
    assert answer(ann, "/hello") == ["Hello, ann at 127.0.0.1."]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("/segfault", "WorkerError: Its process ended: Segmentation fault."),
        ("/leave", "WorkerError: Its process ended: exit code 3."),
        ("/kill", "WorkerError: Its process ended: Killed."),
        ("/exit", "SystemExit"),
        ("/garble nonsense", "JSONDecodeError"),
        ('/garble ["no", "reply"]', "WorkerError: Its process said what is no reply."),
        ('/garble {"failed": 5}', "WorkerError: Its process said what is no reply."),
        ("/eat 10000", "MemoryError"),
        ("/eat 96", "MemoryError"),
        ("/grow", "MemoryError"),
    ],
)
def test_whatever_it_does_to_its_process_is_one_incident(
    board: LiveBoard, ann: StockClient, bob: StockClient, typed: str, why: str
) -> None:
    failures = board.app.plugins["lab"].failure_count
    [pid] = answer(ann, "/pid")
    with ends(pid):
        ann.post(typed)
        bob.post(f"hello {typed}")
        assert bob.list()[-1] == f"127.0.0.1 hello {typed}"
        [row] = answer(ann, "hello")
    assert row.startswith("The plugin lab failed (incident ")
    assert incident(board, row)["trace"].endswith(why)
    assert answer(ann, "/hello") == ["Hello, ann at 127.0.0.1."]
    assert board.app.plugins["lab"].failure_count == failures + 1


def test_a_call_that_waits_is_not_given_to_a_process_that_ends(board: LiveBoard) -> None:
    hooks = board.app.plugins.hooks

    async def ask_both() -> object:
        left = asyncio.ensure_future(hooks.bbs_command_exit(session=person(), text=""))
        hello = asyncio.ensure_future(hooks.bbs_command_hello(session=person(), text=""))
        await asyncio.wait({left, hello})
        assert left.exception() is not None
        return hello.result()

    assert board.wait(ask_both()) == ["Hello, eve at 127.0.0.1."]


def test_a_process_that_died_unasked_is_nobodys_failure(board: LiveBoard, ann: StockClient) -> None:
    failures = board.app.plugins["lab"].failure_count
    [pid] = answer(ann, "/pid")
    worker = board.app.plugins["lab"].worker
    assert worker is not None
    process = worker._process
    assert process is not None
    with ends(pid):
        os.kill(int(pid), 9)
    board.wait(process.wait())
    assert answer(ann, "/hello") == ["Hello, ann at 127.0.0.1."]
    assert board.app.plugins["lab"].failure_count == failures


def test_calls_that_wait_are_bounded_and_answered_one_after_the_other(board: LiveBoard, ann: StockClient) -> None:
    assert answer(ann, "/hello")
    failures, hello = board.app.plugins["lab"].failure_count, board.app.plugins.hooks.bbs_command_hello

    async def ask_all() -> list[object]:
        calls = [hello(session=person(), text="") for _ in range(2 * QUEUE_LIMIT)]
        return [*await asyncio.gather(*calls, return_exceptions=True)]

    answers = board.wait(ask_all())
    refused = [one for one in answers if isinstance(one, UserError)]
    assert {str(one) for one in refused} == {BUSY}
    assert len(refused) == QUEUE_LIMIT - 1
    assert answers.count(["Hello, eve at 127.0.0.1."]) == QUEUE_LIMIT + 1
    assert board.app.plugins["lab"].failure_count == failures


def test_the_process_ends_when_its_plugin_is_switched_off(board: LiveBoard, ann: StockClient) -> None:
    [pid] = answer(ann, "/pid")
    with ends(pid):
        act(board, plugin_switches.disable_plugin, board.settings, "lab", "for a while")
        assert answer(ann, "/hello") == []
    act(board, plugin_switches.enable_plugin, board.settings, "lab", "again")
    assert answer(ann, "/pid") not in ([pid], [])
