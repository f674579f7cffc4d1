"""A stop ends in time, tells everyone and stops every part, whatever plugins, terminals and databases do meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from bbs_core.app import App
from bbs_core.connection import NOT_UNDERSTOOD
from bbs_core.control import SOCKET_FILE, STOPPING, send
from bbs_core.errors import InvalidAct
from bbs_core.server import STOPPING as GOING_DOWN
from bbs_core.store.engine import SQLITE_FILE
from tests.domain.kit import new_post, settings
from tests.stock.double import StockClient
from tests.support import ROOT, BoardProcess

STOP_LIMIT_S = 10.0
WAIT_S = 10.0
IP = "127.0.0.1"
IGNORES = '''
import asyncio
from bbs_core.plugin import command

@command("/stay")
async def stay(session):
    """Ignore being cancelled."""
    while True:
        try:
            await asyncio.sleep(60)
        except BaseException:
            pass
'''
OWN_THREAD = '''
import threading
from bbs_core.plugin import command

@command("/stay")
def stay(session):
    """Start a thread that never ends."""
    threading.Thread(target=threading.Event().wait, name="staying", daemon=False).start()
'''
SHARED_THREADS = '''
import asyncio, threading
from bbs_core.plugin import command

@command("/stay")
async def stay(session):
    """Take every thread that the loop shares."""
    stay.waits = [asyncio.ensure_future(asyncio.to_thread(threading.Event().wait)) for _ in range(64)]
'''
BLOCKS = '''
from pathlib import Path
from bbs_core.plugin import command, never_blocks

@command("/stay")
@never_blocks
def stay(session):
    """Block the loop."""
    Path(__file__).with_name("begun").write_text("begun")
    while True:
        pass
'''


@contextmanager
def board_with(plugin: str, data: Path, **options: object) -> Iterator[BoardProcess]:
    (data / "plugins").mkdir(parents=True)
    (data / "plugins" / "bad.py").write_text(plugin)
    with BoardProcess(data, **options) as board:  # type: ignore[arg-type]
        yield board


def stop(board: BoardProcess, number: signal.Signals = signal.SIGTERM) -> str:
    """Stop a board; returns the log lines."""
    start = time.monotonic()
    board.process.send_signal(number)
    assert board._ended() == 0
    assert time.monotonic() - start < STOP_LIMIT_S
    assert "Traceback" not in board.output
    assert "Warning" not in board.output
    return "".join(line for line in board.lines if line.startswith("{"))


@pytest.mark.parametrize(
    ("plugin", "named"),
    [(IGNORES, "stay (bad.py) > sleep"), (OWN_THREAD, "staying"), (SHARED_THREADS, '_0"')],
    ids=["task", "thread", "shared threads"],
)
def test_a_plugin_that_does_not_end_is_named_and_left_behind(tmp_path: Path, plugin: str, named: str) -> None:
    with board_with(plugin, tmp_path, plugins_deadline_s=0.1) as board:
        with board.client("ann") as ann:
            ann.post("/stay")
            ann.list()
            ann.quit()
        log = stop(board)
    assert "Stopped.\n" in board.lines
    assert '"event": "left_behind"' in log
    assert named in log


def test_a_plugin_that_blocks_the_loop_cannot_keep_the_process(tmp_path: Path) -> None:
    with board_with(BLOCKS, tmp_path, plugins_deadline_s=60) as board, board.client("ann") as ann:
        begun = tmp_path / "plugins" / "begun"
        os.mkfifo(begun)
        ann.post("/stay")
        assert begun.read_text() == "begun"
        [left] = [line for line in stop(board).splitlines() if '"left_behind"' in line]
        assert "stay (bad.py:" in left


def test_a_locked_database_delays_a_stop_no_longer_than_promised(tmp_path: Path) -> None:
    with (
        BoardProcess(tmp_path, limits_stop_timeout_s=1) as board,
        board.client("ann") as ann,
        closing(sqlite3.connect(tmp_path / SQLITE_FILE, isolation_level=None)) as other,
        socket.socket(socket.AF_UNIX) as staff,
    ):
        ann.post("seen")
        assert ann.list() == [f"{IP} seen"]
        other.execute("BEGIN IMMEDIATE")
        ann.post("waits")
        ask(staff, tmp_path)
        log = stop(board)
        reply = json.loads(staff.makefile().readline())
        assert reply == {"error": {"kind": "StoreUnavailable", "sentence": STOPPING}}
    assert '"event": "rows_undecided"' in log
    assert '"exception"' not in log


def ask(staff: socket.socket, data: Path) -> None:
    """Ask for an act that has to wait; by the answer to another that came after it, it is under way."""
    staff.connect(str(data / SOCKET_FILE))
    arguments = {"name": "zed", "role": "owner", "password": "correct horse battery"}
    staff.sendall(json.dumps({"act": "staff.add", "arguments": arguments}).encode() + b"\n")
    with pytest.raises(InvalidAct):
        send(data, "no.such", {})


@contextmanager
def started(data: Path, until: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a board and read its lines until one begins so; yields it and its port, and nobody reads on."""
    command = [sys.executable, "-m", "bbs_core.cli", "serve", "--port", "0", "--host", IP, "--no-admin"]
    # With buffers, as users have them: what cannot be written stays there until the exit.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "", **variables}
    with subprocess.Popen(
        [*command, "--data", str(data)],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            line = first
            while line and not line.startswith(until):
                line = process.stdout.readline()
            yield process, int(first.split("port ")[1].partition(":")[0])
        finally:
            process.kill()


def test_nobody_has_to_read_what_the_server_prints(tmp_path: Path) -> None:
    with (
        started(tmp_path, "The data is in") as (process, port),
        StockClient(IP, port, "ann") as ann,
        StockClient(IP, port, "bob") as bob,
    ):
        ann.post("kept")
        assert ann.list() == [f"{IP} kept"]
        assert process.stdout is not None
        process.stdout.close()
        bob.sock.sendall(b"what the log warns of")
        assert list(bob.rows()) == [NOT_UNDERSTOOD]
        bob.sock.close()
        process.terminate()
        assert list(ann.rows()) == [GOING_DOWN]
        ann.quit()
        assert process.wait(STOP_LIMIT_S) == 0


def test_a_terminal_without_the_letters_does_not_matter(tmp_path: Path) -> None:
    with (
        started(tmp_path / "日本語", "The board is open", PYTHONIOENCODING="ascii") as (process, port),
        StockClient(IP, port, "ann") as ann,
    ):
        assert ann.list() == []
        process.terminate()
        ann.quit()
        assert process.wait(STOP_LIMIT_S) == 0


def test_a_closed_terminal_stops_it_and_does_not_hurry_it(tmp_path: Path) -> None:
    wait_s = 1.5
    with BoardProcess(tmp_path, limits_stop_timeout_s=wait_s) as board, board.client("stays") as client:
        start = time.monotonic()
        board.process.send_signal(signal.SIGHUP)
        assert list(client.rows()) == [GOING_DOWN]
        stop(board, signal.SIGHUP)
        assert time.monotonic() - start >= wait_s


def test_what_nohup_has_started_outlives_its_terminal(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        board = BoardProcess(tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    with board, board.client("ann") as ann:
        board.process.send_signal(signal.SIGHUP)
        ann.post("still here")
        assert ann.list() == ann.list() == [f"{IP} still here"]


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    app = App(settings(tmp_path, ""))
    await app.start()
    yield app
    # What a test has broken is stopped here.
    monkeypatch.undo()
    await app.stop()


class BrokenConsole:
    """A console that cannot be stopped."""

    port = 0

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        raise RuntimeError("stuck")


def running_parts(app: App) -> set[str]:
    """Return which of the parts still run."""
    with socket.socket() as client:
        heard = client.connect_ex((IP, app.port)) == 0  # type: ignore[attr-defined]
    parts = {
        "server": heard,
        "_control": (app.data / SOCKET_FILE).exists(),
        "writer": any(thread.name == "writer" for thread in threading.enumerate()),
        "readers": not app.readers._pool._shutdown,
    }
    return {name for name, runs in parts.items() if runs}


@pytest.mark.parametrize(
    ("part", "step"),
    [("server", "stop"), ("_control", "close"), ("writer", "stop"), ("plugins", "close"), ("readers", "close")],
)
async def test_a_part_that_cannot_be_stopped_does_not_keep_the_others(
    app: App, part: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise RuntimeError("stuck")

    app.__dict__["port"] = app.server.port
    app.console = BrokenConsole()
    monkeypatch.setattr(getattr(app, part), step, fail)
    with structlog.testing.capture_logs() as events:
        await app.stop()
    app.console = None
    assert running_parts(app) == {part} - {"plugins"}
    assert [event["event"] for event in events if event["log_level"] == "error"] == ["stop_failed"] * 2


async def test_a_read_that_does_not_end_keeps_nobody(app: App) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(_connection: object) -> bool:
        begun.set()
        return go_on.wait(WAIT_S)

    reading = asyncio.create_task(app.readers.read(wait))
    assert await asyncio.to_thread(begun.wait, WAIT_S)
    await app.stop()
    assert not reading.done()
    go_on.set()
    assert await reading


async def stopped_while_locked(data: Path, other: sqlite3.Connection) -> None:
    app = App(settings(data, ""))
    await app.start()
    other.execute("BEGIN IMMEDIATE")
    app.board.post(new_post("waits"))
    await app.stop()


def test_a_writer_that_outlives_the_loop_ends_in_peace(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / SQLITE_FILE, isolation_level=None)) as other:
        asyncio.run(stopped_while_locked(tmp_path, other))
        [writer] = [thread for thread in threading.enumerate() if thread.name == "writer"]
    # pytest fails a test in which a thread has failed.
    writer.join(WAIT_S)
    assert not writer.is_alive()
