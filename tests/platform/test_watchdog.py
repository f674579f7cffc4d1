"""What blocks the event loop is named while it does, and what goes on beyond its deadline is ended."""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bbs_core.platform.watchdog import SIGNAL, Watchdog
from tests.platform.outside import put
from tests.support import BoardProcess
from tests.wire.live import LiveBoard

TIMEOUT_S = 15
# Longer than it takes to be reported.
LONG_S = 1.5
Line = dict[str, Any]
NAP = """
    import time
    from bbs_core.plugin import command

    began, ended = [], []

    @command("/nap")
    async def nap(session):
        began.append(time.monotonic())
        time.sleep(3)
        ended.append(time.monotonic())
"""
# Blocks in code of its own, until it is let go on.
GATED = """
    import threading
    from bbs_core.plugin import command, never_blocks

    gate = threading.Semaphore(0)
    {marks}
    {kind} pause(session):
        hold()

    def hold():
        gate.acquire(timeout=15)  # here
"""
# Computes in short steps, and waits for its turn after each.
DILIGENT = """
    import asyncio
    import time
    from bbs_core.plugin import command

    @command("/work")
    async def work(session, steps: int = 1):
        for _ in range(steps):
            end = time.monotonic() + 0.01
            while time.monotonic() < end:
                pass
            await asyncio.sleep(0)
        return "done"
"""
RUNAWAY = """
    import time
    from bbs_core.plugin import command, never_blocks

    @command("/spin")
    async def spin(session):
        while True: pass  # /spin

    @command("/sleep")
    async def sleep(session):
        time.sleep(999)  # /sleep

    @command("/now")
    @never_blocks
    def now(session):
        while True: pass  # /now

    @command("/hello")
    def hello(session):
        return "hello"
"""
# Blocks within its deadline, and beyond it in code that is not its own: an exception might leave that in disorder.
PATIENT = """
    import threading
    import time
    from bbs_core.plugin import command

    @command("/rest")
    async def rest(session):
        time.sleep(1.2)
        return "rested"

    @command("/wait")
    async def wait(session):
        threading.Event().wait(3)
        return "waited"
"""


@pytest.fixture
def lines() -> Iterator[queue.SimpleQueue[Line]]:
    """What is logged of the loops in this process, as it comes."""
    found: queue.SimpleQueue[Line] = queue.SimpleQueue()

    def keep(_logger: Any, _method: str, event: Any) -> Any:
        if event["event"].startswith("loop_"):
            found.put({**event})
        return event

    with capture_logs([keep]):
        yield found


def line_of(path: Path, words: str) -> int:
    """Return the number of the one line that has these words."""
    [number] = [number for number, line in enumerate(path.read_text().splitlines(), 1) if words in line]
    return number


def found_place(line: Line) -> tuple[str, str, int, str]:
    return line["plugin"], line["file"], line["line"], line["function"]


def failures(board: LiveBoard) -> dict[str, int]:
    """Return the plugins that have failed, and how often."""
    return board.call(lambda: {name: count for name, count in board.app.plugins.failure_counts().items() if count})


def test_a_sleep_in_async_code_is_reported_once_with_its_line_while_it_lasts(
    tmp_path: Path, lines: queue.SimpleQueue[Line]
) -> None:
    path = put(tmp_path, "sleepy.py", NAP)
    put(tmp_path, "innocent.py", DILIGENT)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        napping: dict[str, Any] = vars(board.app.plugins["sleepy"].module)
        ann.post("/nap")
        blocked, heard_at = lines.get(timeout=TIMEOUT_S), time.monotonic()
        assert napping["ended"] == []
        moves = lines.get(timeout=TIMEOUT_S)
        [began], [ended] = napping["began"], napping["ended"]
        assert (blocked["event"], moves["event"]) == ("loop_blocked", "loop_moves_again")
        assert found_place(blocked) == found_place(moves) == ("sleepy", str(path), line_of(path, "sleep(3)"), "nap")
        # It slept for three seconds, and one is allowed.
        assert heard_at - began < (ended - began) / 3
        assert failures(board) == {"sleepy": 1}
        assert lines.empty()


@pytest.mark.parametrize(
    ("file", "marks", "kind"),
    [
        ("gated.py", "@command('/pause')", "async def"),
        ("gated/inner.py", "@command('/pause')\n    @never_blocks", "def"),
    ],
    ids=["async", "never blocks, in a package"],
)
def test_each_blockage_is_reported_with_the_line_in_the_plugin_that_leads_to_it(
    tmp_path: Path, lines: queue.SimpleQueue[Line], monkeypatch: pytest.MonkeyPatch, file: str, marks: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "/" in file:
        put(tmp_path, "gated/__init__.py", "from .inner import *\n")
    path = put(tmp_path, file, GATED.format(marks=marks, kind=kind))
    with LiveBoard(Path()) as board, board.client("ann") as ann:
        gate: threading.Semaphore = vars(board.app.plugins["gated"].module)["gate"]
        for count in (1, 2):
            ann.post("/pause")
            blocked = lines.get(timeout=TIMEOUT_S)
            assert found_place(blocked) == ("gated", str(path), line_of(path, "# here"), "hold")
            assert "threading.py" in blocked["frames"][0]
            gate.release()
            assert lines.get(timeout=TIMEOUT_S)["event"] == "loop_moves_again"
            assert failures(board) == {"gated": count}


def test_what_the_board_does_itself_is_blamed_on_no_plugin(tmp_path: Path, lines: queue.SimpleQueue[Line]) -> None:
    put(tmp_path, "innocent.py", DILIGENT)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        board.busy_for(LONG_S)
        ann.post("/work")
        blocked, moves = (lines.get(timeout=TIMEOUT_S) for _ in range(2))
        assert ann.list() == ["* done"]
        assert (blocked["event"], moves["event"]) == ("loop_blocked", "loop_moves_again")
        assert blocked["plugin"] is moves["plugin"] is None
        assert "busy_for.<locals>.compute (live.py:" in blocked["frames"][0]
        assert failures(board) == {}
        assert lines.empty()


def test_a_loop_that_is_busy_with_many_clients_is_not_reported(tmp_path: Path, lines: queue.SimpleQueue[Line]) -> None:
    put(tmp_path, "diligent.py", DILIGENT)
    with LiveBoard(tmp_path, plugins={"deadline_s": TIMEOUT_S}) as board, board.client("ann") as ann:
        ann.post("/work 150")
        clients = [board.client(f"bob{number}") for number in range(10)]
        for client in clients * 3:
            client.post("/work")
        assert [client.list() for client in clients] == [["* done"] * 3] * 10
        assert ann.list() == ["* done"]
        for client in clients:
            client.close()
        assert lines.empty()


def test_many_short_calls_in_a_row_are_no_blockage_of_their_plugin(
    tmp_path: Path, lines: queue.SimpleQueue[Line]
) -> None:
    put(tmp_path, "diligent.py", DILIGENT)
    with LiveBoard(tmp_path) as board:
        work = board.app.plugins.hooks.bbs_command_work

        async def ask_all() -> list[object]:
            return [*await asyncio.gather(*(work(session=None, text="") for _ in range(150)))]

        assert board.wait(ask_all()) == ["done"] * 150
        assert failures(board) == {}
        assert lines.empty()


def logged(board: BoardProcess, event: str) -> list[Line]:
    found = [json.loads(line) for line in board.lines if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def test_what_goes_on_beyond_its_deadline_is_ended_and_fails_once(tmp_path: Path) -> None:
    path = put(tmp_path, "runaway.py", RUNAWAY)
    with BoardProcess(tmp_path, plugins_deadline_s=0.5, plugins_quarantine_failures=3) as board:
        with board.client("ann") as ann, board.client("bob") as bob:
            for word in ("/spin", "/sleep", "/now"):
                ann.post("/hello")
                ann.post(word)
                [hello, late] = ann.list()
                assert hello == "* hello"
                assert late.startswith("* The plugin runaway did not answer in time (incident ")
                assert bob.list() == []
            ann.post("/hello")
            assert ann.list() == ["* /hello is switched off."]
        assert board.terminate() == 0
        places = [(line["plugin"], line["file"], line["line"]) for line in logged(board, "loop_blocked")]
        assert places == [("runaway", str(path), line_of(path, f"# {word}")) for word in ("/spin", "/sleep", "/now")]
        assert len(logged(board, "loop_moves_again")) == len(logged(board, "plugin_failed")) == 3


def test_what_is_in_time_and_what_a_plugin_has_called_is_only_reported(tmp_path: Path) -> None:
    put(tmp_path, "patient.py", PATIENT)
    with BoardProcess(tmp_path, plugins_deadline_s=2) as board:
        with board.client("ann") as ann:
            for word in ("/rest", "/wait"):
                ann.post(word)
            assert ann.list() == ["* rested", "* waited"]
        assert board.terminate() == 0
        for event in ("loop_blocked", "loop_moves_again"):
            assert [line["function"] for line in logged(board, event)] == ["rest", "wait"]
        assert [line["hook"] for line in logged(board, "plugin_failed")] == ["@loop", "@loop"]


def watching() -> bool:
    return "watchdog" in {thread.name for thread in threading.enumerate()}


def test_the_thread_is_gone_after_the_stop(tmp_path: Path) -> None:
    with LiveBoard(tmp_path):
        assert watching()
    assert not watching()


async def test_the_signal_is_given_back_at_the_stop() -> None:
    watchdog = Watchdog(list)
    watchdog.start()
    assert signal.getsignal(SIGNAL) is not signal.SIG_DFL
    watchdog.stop()
    assert signal.getsignal(SIGNAL) is signal.SIG_DFL
    assert not watching()
