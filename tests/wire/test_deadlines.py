"""Waits for a client end by themselves, and none ends because the server was busy (in real time; see test_clock.py)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvloop

from tests.stock.double import BANNER, receive_message
from tests.wire.filled import fill
from tests.wire.live import LiveBoard, requests

HOST = "127.0.0.1"
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = (uvloop.new_event_loop, asyncio.new_event_loop)
TIMEOUT_S = 0.3


def test_a_silent_connection_is_closed(tmp_path: Path) -> None:
    with LiveBoard(tmp_path, limits={"handshake_timeout_s": TIMEOUT_S}) as board:
        with socket.create_connection((HOST, board.port)) as sock:
            assert receive_message(sock) == BANNER
            assert sock.recv(1) == b""
        assert board.departed() == ""


def test_a_frame_is_not_late_while_the_session_is_at_work(tmp_path: Path) -> None:
    limits = {"frame_timeout_s": TIMEOUT_S, "posts_per_second": 2.0, "posts_burst": 1}
    with LiveBoard(tmp_path, limits=limits) as board, board.client("ann") as ann:
        stream = requests("a", "b", "c", "list")
        # The rest is at the server's door at once, but it takes a second to post what came before.
        ann.sock.sendall(stream[:-6])
        ann.sock.sendall(stream[-6:])
        assert list(ann.rows()) == [f"{HOST} a", f"{HOST} b", f"{HOST} c"]


@pytest.mark.parametrize("loop", LOOPS)
def test_nobody_is_late_while_the_loop_is_held_up(tmp_path: Path, loop: LoopFactory) -> None:
    limits = {"frame_timeout_s": TIMEOUT_S, "handshake_timeout_s": TIMEOUT_S, "idle_timeout_s": TIMEOUT_S}
    with LiveBoard(tmp_path, loop, limits=limits) as board, ExitStack() as stack:
        nameless = stack.enter_context(socket.create_connection((HOST, board.port)))
        assert receive_message(nameless) == BANNER
        ann = stack.enter_context(board.client("ann"))
        ann.sock.sendall(b"00")
        line, frames = board.connection("ann"), board.app.server.frames
        while not board.call(lambda: frames.waits_for(line)):
            pass
        board.busy_for(3 * TIMEOUT_S)
        ann.sock.sendall(b"04list")
        nameless.sendall(requests("bob", "list"))
        assert list(ann.rows()) == []
        assert receive_message(nameless) == "0"


def test_a_reader_that_stopped_is_closed_without_its_help(tmp_path: Path) -> None:
    rows = fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    limits = {"stalled_reader_timeout_s": TIMEOUT_S}
    read: list[str] = []
    with LiveBoard(tmp_path, limits=limits) as board, board.client("ann", rcvbuf=4096) as ann:
        ann.post("list")
        assert board.departed() == "ann"
        with pytest.raises((ConnectionError, ValueError)):
            read.extend(ann.rows())
    assert len(read) < len(rows)
