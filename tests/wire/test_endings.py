"""However a stream ends, what came whole is kept, what did not is not, and nobody else notices."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from bbs_core.connection import NOT_UNDERSTOOD
from tests.stock.double import BANNER, StockClient, receive_message
from tests.support import BoardProcess
from tests.wire.filled import fill
from tests.wire.live import LiveBoard, requests

IP = "127.0.0.1"
BAD = [b"+012", "٠٠٠١".encode(), b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"0004a\xc3(b", b"0003\xed\xa0\x80"]
UNFINISHED = [b"0", b"000", b"0005", b"0005hell", b"0005hell\xc3", requests("dm", "bob"), requests("dm")]


LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = (uvloop.new_event_loop, asyncio.new_event_loop)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LiveBoard]:
    with LiveBoard(tmp_path) as running:
        yield running


def read_to_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65_536), b""))


def reset(client: StockClient) -> None:
    """Close so that the peer gets a reset and no end of stream."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("unfinished", UNFINISHED)
def test_a_stream_that_ends_inside_a_frame_keeps_what_came_before(board: LiveBoard, unfinished: bytes) -> None:
    with board.client("bob") as bob:
        with board.client("ann") as ann:
            ann.sock.sendall(requests("before") + unfinished)
            ann.sock.shutdown(socket.SHUT_WR)
            assert read_to_end(ann.sock) == b""
        assert board.departed() == "ann"
        assert bob.list() == [f"{IP} before"]
        assert bob.listdm() == []


@pytest.mark.parametrize("bad", BAD)
def test_a_protocol_error_keeps_what_came_before_and_ends_the_line(board: LiveBoard, bad: bytes) -> None:
    with board.client("bob") as bob:
        with board.client("ann") as ann:
            ann.sock.sendall(requests("before", "list") + bad + requests("after"))
            assert list(ann.rows()) == [f"{IP} before"]
            assert list(ann.rows()) == [NOT_UNDERSTOOD]
            assert read_to_end(ann.sock) == b""
        assert board.departed() == "ann"
        assert bob.list() == [f"{IP} before"]
        assert board.app.counts.protocol_errors_total == 1


@pytest.mark.parametrize("bad", BAD)
def test_who_begins_with_rubbish_is_told_nothing_more(board: LiveBoard, bad: bytes) -> None:
    with socket.create_connection((IP, board.port)) as sock:
        assert receive_message(sock) == BANNER
        sock.sendall(bad)
        assert read_to_end(sock) == b""


def test_rubbish_after_an_error_is_discarded_and_cuts_nothing_off(tmp_path: Path) -> None:
    rows = fill(tmp_path, ("x" * 1000 for _ in range(2000)))
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.sock.sendall(requests("list") + b"rubbish" * 5000)
        assert list(ann.rows()) == rows
        assert list(ann.rows()) == [NOT_UNDERSTOOD]
        assert read_to_end(ann.sock) == b""


def test_after_a_half_close_the_answer_still_comes(board: LiveBoard) -> None:
    posts = [f"post {number}" for number in range(200)]
    with board.client("ann") as ann:
        ann.sock.sendall(requests(*posts, "dm", "ann", "hello", "list", "listdm"))
        ann.sock.shutdown(socket.SHUT_WR)
        assert list(ann.rows()) == [f"{IP} {post}" for post in posts]
        assert list(ann.rows()) == ["hello"]
        assert read_to_end(ann.sock) == b""
    assert board.departed() == "ann"


def test_after_a_half_close_a_long_answer_comes_whole(tmp_path: Path) -> None:
    rows = fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with LiveBoard(tmp_path) as board, board.client("ann", rcvbuf=4096) as ann:
        ann.post("list")
        ann.sock.shutdown(socket.SHUT_WR)
        assert list(ann.rows()) == rows
        assert ann.sock.recv(1) == b""


@pytest.mark.parametrize("loop", LOOPS)
def test_a_reset_right_behind_a_post_keeps_it_and_ends_the_line(tmp_path: Path, loop: LoopFactory) -> None:
    with LiveBoard(tmp_path, loop) as board, board.client("bob") as bob:
        for _ in range(20):
            ann = board.client("ann")
            # The loop finds the post and the reset at once.
            board.busy_for(0.02)
            ann.sock.sendall(requests("hello") + b"0009half")
            reset(ann)
            assert board.departed() == "ann"
        assert bob.list() == [f"{IP} hello"] * 20
        assert board.app.presence.names() == ["bob"]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_reset_is_noticed(tmp_path: Path, loop: LoopFactory) -> None:
    with LiveBoard(tmp_path, loop) as board:
        reset(board.client("ann"))
        assert board.departed() == "ann"


def test_a_reset_in_the_middle_of_a_list_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with LiveBoard(tmp_path) as board:
        ann = board.client("ann", rcvbuf=4096)
        ann.post("list")
        ann.sock.recv(1, socket.MSG_PEEK)
        reset(ann)
        assert board.departed() == "ann"


def test_a_client_that_just_goes_loses_nothing_that_had_arrived(board: LiveBoard) -> None:
    posts = [f"post {number}" for number in range(300)]
    ann = board.client("ann")
    ann.sock.sendall(requests(*posts))
    ann.close()
    assert board.departed() == "ann"
    with board.client("bob") as bob:
        assert bob.list() == [f"{IP} {post}" for post in posts]


def test_what_follows_quit_is_not_read(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        ann.sock.sendall(requests("before", "quit", "after", "list"))
        assert read_to_end(ann.sock) == b""
    assert board.departed() == "ann"
    with board.client("bob") as bob:
        assert bob.list() == [f"{IP} before"]


def test_a_protocol_error_is_logged_with_its_address_and_without_its_text(tmp_path: Path) -> None:
    with BoardProcess(tmp_path / "data") as board:
        with board.client("ann") as ann:
            ann.sock.sendall(b"GET /secret HTTP/1.1\r\n\r\n")
            assert list(ann.rows()) == [NOT_UNDERSTOOD]
            assert read_to_end(ann.sock) == b""
        assert board.terminate() == 0
        [line] = [line for line in board.lines if '"event": "protocol_error"' in line]
        assert IP in line
        assert "secret" not in board.output
