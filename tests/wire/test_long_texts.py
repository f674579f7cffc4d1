"""A text of 10,000 characters looks good at first, but no part of it becomes a post (docs/protocol.md, Frames)."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbs_core.connection import NOT_UNDERSTOOD
from bbs_core.store.engine import SQLITE_FILE
from tests.wire.filled import fill
from tests.wire.live import LiveBoard

IP = "127.0.0.1"
LONG = b"10000" + b"a" * 10_000
FRONT_BYTES = 4 + 1000
# Honest texts that look like the front of a longer one.
HONEST = ["1" + "a" * 1999, "0" * 1000, "2026 " + "é" * 5000]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LiveBoard]:
    with LiveBoard(tmp_path) as running:
        yield running


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_text_is_kept_at_the_end_of_the_stream(board: LiveBoard, text: str) -> None:
    with board.client("ann") as ann:
        ann.post(text)
        ann.sock.shutdown(socket.SHUT_WR)
        assert ann.sock.recv(1) == b""
    with board.client("bob") as bob:
        assert "".join(bob.list()) == f"{IP} {text}"


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_text_is_shown_though_nothing_follows(board: LiveBoard, text: str) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post(text)
        while not (rows := bob.list()):
            pass
        assert "".join(rows) == f"{IP} {text}"
        assert ann.list() == rows


@pytest.mark.parametrize("size", [FRONT_BYTES, FRONT_BYTES + 1, FRONT_BYTES + 3, 5000])
def test_the_rest_may_come_a_little_later(board: LiveBoard, size: int) -> None:
    with board.client("bob") as bob, board.client("ann") as ann:
        ann.sock.sendall(LONG[:size])
        # By its answer the server has read that much.
        assert bob.list() == []
        ann.sock.sendall(LONG[size:])
        assert list(ann.rows()) == [NOT_UNDERSTOOD]
        assert ann.sock.recv(1) == b""
        assert bob.list() == []


def stored(folder: Path, text: str) -> int:
    """Return how many posts are a text."""
    with sqlite3.connect(folder / SQLITE_FILE) as connection:
        return int(connection.execute("SELECT count(*) FROM posts WHERE text = ?", (text,)).fetchone()[0])


def test_silence_counts_only_where_the_server_listens(tmp_path: Path) -> None:
    """While a list waits for its reader, the rest of the long text waits in the kernel."""
    rows = fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with LiveBoard(tmp_path) as board, board.client("ann", rcvbuf=4096) as ann, board.client("bob") as bob:
        ann.sock.sendall(b"0004list" + LONG[:FRONT_BYTES])
        ann.sock.recv(1, socket.MSG_PEEK)
        ann.sock.sendall(LONG[FRONT_BYTES:])
        bob.post(HONEST[0])
        while not stored(tmp_path, HONEST[0]):
            pass
        assert list(ann.rows()) == rows
        assert list(ann.rows()) == [NOT_UNDERSTOOD]
        assert ann.sock.recv(1) == b""
        assert stored(tmp_path, "0" + "a" * 999) == 0
