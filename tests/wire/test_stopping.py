"""SIGTERM and SIGINT tell everyone, keep everything, and end in time with exit code 0."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bbs_core.server import STOPPING
from tests.support import BoardProcess
from tests.wire.doubles import finish, start_double
from tests.wire.filled import fill
from tests.wire.live import requests

STOP_LIMIT_S = 10.0
IP = "127.0.0.1"


@contextmanager
def terminating(board: BoardProcess) -> Iterator[Future[int]]:
    """Send SIGTERM; the future is the exit code."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(board.terminate)


def test_a_double_reads_why_the_board_stops_and_all_it_posted_is_kept(board: BoardProcess) -> None:
    double = start_double(board.port, "ann")
    with board.client("bob") as bob:
        assert double.stdin is not None
        print("hello", file=double.stdin, flush=True)
        while bob.list() != [f"{IP} hello"]:
            pass
        with terminating(board) as code:
            assert list(bob.rows()) == [STOPPING]
            done = finish(double, "too late", "list", "quit")
            assert (done.returncode, done.stderr) == (0, "")
            assert f"Message: {STOPPING}\n" in done.stdout
            bob.quit()
            assert code.result() == 0
    board.restart()
    with board.client("bob") as bob:
        assert bob.list() == [f"{IP} hello"]


def test_of_the_posts_on_their_way_no_earlier_one_is_lost(board: BoardProcess) -> None:
    posts = [f"post {number}" for number in range(400)]
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.sock.sendall(requests(*posts))
        while len(seen := bob.list()) < 100:
            pass
        with terminating(board) as code:
            assert list(ann.rows()) == list(bob.rows()) == [STOPPING]
            ann.quit()
            bob.quit()
            assert code.result() == 0
    board.restart()
    with board.client("ann") as ann:
        kept = ann.list()
    assert kept == [f"{IP} {post}" for post in posts[: len(kept)]]
    assert kept[: len(seen)] == seen


def test_an_interrupt_stops_it_too(tmp_path: Path) -> None:
    with BoardProcess(tmp_path / "data") as board:
        board.process.send_signal(signal.SIGINT)
        assert board.process.wait(STOP_LIMIT_S) == 0


def linger(board: BoardProcess, stack: ExitStack) -> None:
    """Connect clients that will not leave: half a name, half a frame, half a dm, and a list that nobody reads."""
    stack.enter_context(socket.create_connection((IP, board.port))).sendall(b"00")
    stack.enter_context(board.client("half a frame")).sock.sendall(b"0009half")
    stack.enter_context(board.client("half a dm")).post("dm")
    reader = stack.enter_context(board.client("reader", rcvbuf=4096))
    reader.post("list")
    reader.sock.recv(1, socket.MSG_PEEK)


def test_nobody_keeps_it_from_stopping_in_time(tmp_path: Path) -> None:
    fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with BoardProcess(tmp_path) as board, ExitStack() as stack:
        linger(board, stack)
        start = time.monotonic()
        assert board.terminate() == 0
        assert time.monotonic() - start < STOP_LIMIT_S


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_hurries_it(tmp_path: Path, second: signal.Signals) -> None:
    fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with BoardProcess(tmp_path, limits_stop_timeout_s=8) as board, board.client("bob") as bob, ExitStack() as stack:
        linger(board, stack)
        with terminating(board) as code:
            assert list(bob.rows()) == [STOPPING]
            start = time.monotonic()
            board.process.send_signal(second)
            assert code.result() == 0
            assert time.monotonic() - start < STOP_LIMIT_S / 3


def test_nobody_new_is_let_in_while_it_stops(tmp_path: Path) -> None:
    with BoardProcess(tmp_path / "data") as board, board.client("bob") as bob, terminating(board) as code:
        assert list(bob.rows()) == [STOPPING]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((IP, board.port))
        bob.quit()
        assert code.result() == 0
