"""Clients that send or ask for more than they take cost the server little, and the others nothing."""

from __future__ import annotations

import re
import select
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from bbs_core.notices import NOTICE_LIMIT
from tests.stock.double import StockClient
from tests.support import BoardProcess
from tests.wire.filled import fill
from tests.wire.live import LiveBoard, requests

IP = "127.0.0.1"
KIB = 1024
MIB = 1024 * KIB
# As long as a socket may take to be writable again before it counts as blocked for good.
BLOCKED_S = 0.5
# A loop's timers may be a little early.
TIMER = 0.95
ROWS = 20_000
ROW_BYTES = 1000


def memory_bytes(board: BoardProcess) -> int:
    """Return what the server's process holds in memory."""
    pages = Path(f"/proc/{board.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def send_until_blocked(client: StockClient, data: bytes, limit_bytes: int) -> int:
    """Send the same over and over until nothing is taken any more; returns how many bytes were."""
    client.sock.setblocking(False)
    sent = 0
    while sent < limit_bytes and select.select([], [client.sock], [], BLOCKED_S)[1]:
        sent += client.sock.send(data[sent % len(data) :])
    client.sock.settimeout(10)
    return sent


def test_posts_above_the_rate_are_slowed_and_all_kept_in_order(tmp_path: Path) -> None:
    rate, burst, count = 50, 10, 40
    posts = [f"post {number}" for number in range(count)]
    limits = {"posts_per_second": float(rate), "posts_burst": burst}
    with LiveBoard(tmp_path, limits=limits) as board, board.client("ann") as ann:
        start = time.monotonic()
        ann.sock.sendall(requests(*posts, "list"))
        assert list(ann.rows()) == [f"{IP} {post}" for post in posts]
        assert time.monotonic() - start >= TIMER * (count - burst) / rate


def test_messages_have_the_same_rate(tmp_path: Path) -> None:
    limits = {"posts_per_second": 50.0, "posts_burst": 1}
    with LiveBoard(tmp_path, limits=limits) as board, board.client("ann") as ann:
        start = time.monotonic()
        ann.sock.sendall(requests(*["dm", "ann", "hello"] * 21, "listdm"))
        assert list(ann.rows()) == ["hello"] * 21
        assert time.monotonic() - start >= TIMER * 20 / 50


def test_who_was_silent_for_long_has_no_more_than_a_burst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr("bbs_core.allowance.time", SimpleNamespace(monotonic=lambda: clock.now_s))
    limits = {"posts_per_second": 10.0, "posts_burst": 5}
    with LiveBoard(tmp_path, limits=limits) as board, board.client("ann") as ann:
        clock.now_s += 1000
        start = time.monotonic()
        ann.sock.sendall(requests(*["hello"] * 7, "list"))
        assert len(list(ann.rows())) == 7
        # By a clock that stands still the sixth post waits for one more, and the seventh for two.
        assert time.monotonic() - start >= TIMER * (1 + 2) / 10


def test_a_slowed_client_slows_nobody_else(tmp_path: Path) -> None:
    limits = {"posts_per_second": 1.0, "posts_burst": 1}
    with LiveBoard(tmp_path, limits=limits) as board, board.client("ann") as ann, board.client("bob") as bob:
        ann.sock.sendall(requests(*map(str, range(1000))))
        line = board.connection("ann")
        while not board.call(lambda: line.busy):
            pass
        for _ in range(100):
            assert len(bob.list()) < 1000
        assert board.call(lambda: line.busy)


def test_no_rate_is_no_limit(tmp_path: Path) -> None:
    limits = {"posts_per_second": 0.0, "posts_burst": 1}
    with LiveBoard(tmp_path, limits=limits) as board, board.client("ann") as ann:
        ann.sock.sendall(requests(*["hello"] * 5000, "list"))
        assert len(list(ann.rows())) == 5000


def test_a_flood_that_cannot_be_stored_waits_at_the_client(tmp_path: Path) -> None:
    queue_rows = 100
    limits = {"posts_per_second": 0.0}
    post = requests("x" * 996)
    with LiveBoard(tmp_path, limits=limits, store={"queue_rows": queue_rows}) as board, board.client("ann") as ann:
        disk = threading.Event()
        stuck = board.app.writer.call(lambda _: disk.wait(20))
        taken = send_until_blocked(ann, post, 64 * MIB)
        waiting = board.call(lambda: board.app.commits.waiting_rows)
        disk.set()
        assert stuck.result(10)
        assert taken < 16 * MIB
        assert waiting <= queue_rows
        # The rest of the frame that was cut, and the question whether all the others are there.
        ann.sock.sendall(post[taken % len(post) :] if taken % len(post) else b"")
        assert len(ann.list()) == -(-taken // len(post))


def test_readers_that_stopped_hold_a_pack_each_and_not_the_list(tmp_path: Path) -> None:
    readers = 40
    fill(tmp_path, ("x" * ROW_BYTES for _ in range(ROWS)))
    with BoardProcess(tmp_path) as board, ExitStack() as stack, board.client("ann") as ann:
        assert len(ann.list()) == ROWS
        before = memory_bytes(board)
        for number in range(readers):
            reader = stack.enter_context(board.client(f"reader {number}", rcvbuf=4096))
            reader.post("list")
            reader.sock.recv(1, socket.MSG_PEEK)
        assert len(ann.list()) == ROWS
        assert memory_bytes(board) - before < readers * 128 * KIB


@pytest.mark.parametrize("frame", ["list", "listdm", "/help", "x" * 1000])
def test_a_client_that_never_reads_is_read_no_more(tmp_path: Path, frame: str) -> None:
    fill(tmp_path, ("x" * ROW_BYTES for _ in range(1000)))
    with BoardProcess(tmp_path) as board, board.client("ann", rcvbuf=4096) as ann, board.client("bob") as bob:
        assert len(bob.list()) == 1000
        before = memory_bytes(board)
        taken = send_until_blocked(ann, requests(frame, "list") * 100, 64 * MIB)
        assert taken < 16 * MIB
        assert len(bob.list()) >= 1000
        assert memory_bytes(board) - before < 4 * MIB


def test_notices_that_nobody_reads_are_bounded(tmp_path: Path) -> None:
    with LiveBoard(tmp_path, limits={"posts_per_second": 0.0}) as board, board.client("ann") as ann:
        ann.sock.sendall(requests(*["/help"] * (NOTICE_LIMIT + 50), "list"))
        rows = list(ann.rows())
        assert len(rows) == 1 + NOTICE_LIMIT
        assert re.fullmatch(r"\* \(\d+ earlier notices were dropped\.\)", rows[0])
        assert ann.list() == []
