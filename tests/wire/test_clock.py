"""Which waits for a client begin and end when, by a clock that moves when the test says so."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bbs_core.deadlines import Deadlines
from bbs_core.server import IDLE, TOO_SLOW
from tests.stock.double import BANNER, receive_message
from tests.wire.filled import fill
from tests.wire.live import LiveBoard, requests

HOST = "127.0.0.1"


class Clock:
    """The time that deadlines see."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def advance(self, board: LiveBoard, seconds: float) -> None:
        """Let time pass once the server has read what was sent so far, and what is due expire."""
        board.call(lambda: None)
        self.now_s += seconds
        server = board.app.server
        for deadlines in (server.handshakes, server.frames, server.idle, server.writers, server.farewells):
            board.call(deadlines.check)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("bbs_core.deadlines.time", SimpleNamespace(monotonic=lambda: made.now_s))
    return made


def drip(board: LiveBoard, clock: Clock, sock: socket.socket, data: bytes, over: Callable[[], bool]) -> int:
    """Send a byte a second until it is over; returns how many bytes that took."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for sent in range(len(data)):
        sock.sendall(data[sent : sent + 1])
        clock.advance(board, 1)
        if board.call(over):
            return sent + 1
    raise AssertionError("it is never over")


def test_a_name_has_its_time_from_the_connection_on(tmp_path: Path, clock: Clock) -> None:
    with LiveBoard(tmp_path) as board, socket.create_connection((HOST, board.port)) as sock:
        assert receive_message(sock) == BANNER
        clock.advance(board, 30)
        line, farewells = board.connection(""), board.app.server.farewells
        assert drip(board, clock, sock, requests("a" * 500), lambda: farewells.waits_for(line)) == 30
        assert sock.recv(1) == b""


def test_who_gave_a_name_may_be_silent_for_days(tmp_path: Path, clock: Clock) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        clock.advance(board, 10 * 86_400)
        assert ann.list() == []


def test_a_frame_has_its_time_from_its_first_byte_on(tmp_path: Path, clock: Clock) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        line = board.connection("ann")
        clock.advance(board, 1000)
        assert drip(board, clock, ann.sock, requests("a" * 500), lambda: line.session.over) == 60
        assert list(ann.rows()) == [TOO_SLOW]
        ann.close()
        assert board.departed() == "ann"


def test_each_frame_has_a_time_of_its_own(tmp_path: Path, clock: Clock) -> None:
    """The stream is never at rest between two frames, and no frame takes longer than its time."""
    posts = [f"post {number:02}" for number in range(12)]
    stream = requests(*posts, "list")
    size = len(requests(posts[0]))
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ann.sock.sendall(stream[:2])
        for start in range(2, len(stream) - size, size):
            clock.advance(board, 50)
            ann.sock.sendall(stream[start : start + size])
        ann.sock.sendall(stream[start + size :])
        assert list(ann.rows()) == [f"{HOST} {post}" for post in posts]


def test_between_frames_there_is_no_hurry(tmp_path: Path, clock: Clock) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        for frame in ("dm", "ann", "hello"):
            ann.post(frame)
            clock.advance(board, 1000)
        assert ann.listdm() == ["hello"]


def test_whoever_is_away_for_long_reads_why(tmp_path: Path, clock: Clock) -> None:
    with LiveBoard(tmp_path, limits={"idle_timeout_s": 100.0}) as board, board.client("ann") as ann:
        for _ in range(5):
            clock.advance(board, 99)
            assert ann.list() == []
        clock.advance(board, 101)
        assert list(ann.rows()) == [IDLE]


def test_the_time_to_read_a_farewell_ends(tmp_path: Path, clock: Clock) -> None:
    """What the client goes on to send does not lengthen it."""
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        line = board.connection("ann")
        board.call(lambda: line.goodbye("Go."))
        assert list(ann.rows()) == ["Go."]
        assert drip(board, clock, ann.sock, requests("a" * 500), lambda: line.closed) == 60
        assert board.departed() == "ann"


def test_a_slow_reader_that_goes_on_is_not_closed(tmp_path: Path, clock: Clock) -> None:
    rows = fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with LiveBoard(tmp_path) as board, board.client("ann", rcvbuf=65_536) as ann:
        ann.post("list")
        read = []
        for number, row in enumerate(ann.rows()):
            read.append(row)
            if number % 1000 == 0:
                clock.advance(board, 50)
        assert read == rows
        clock.advance(board, 1000)
        assert ann.listdm() == []


def test_a_reader_that_stopped_has_its_time_from_the_last_progress_on(tmp_path: Path, clock: Clock) -> None:
    fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with LiveBoard(tmp_path) as board, board.client("ann", rcvbuf=4096) as ann:
        line = board.connection("ann")
        ann.post("list")
        writers = board.app.server.writers
        while not board.call(lambda: writers.waits_for(line)):
            pass
        clock.advance(board, 299)
        assert not line.closed
        while not line.closed:
            # What the kernel takes meanwhile is progress.
            clock.advance(board, 301)


def test_deadlines_expire_in_order_and_once(clock: Clock) -> None:
    expired: list[str] = []
    deadlines = Deadlines(10.0, expired.append)
    for name in ("first", "second", "stopped", "again"):
        deadlines.start(name)
        clock.now_s += 1
    deadlines.stop("stopped")
    deadlines.start("first")
    clock.now_s = 1013.5
    deadlines.check()
    assert expired == ["second", "again"]
    assert deadlines.waits_for("first")
    clock.now_s = 1014
    deadlines.check()
    deadlines.check()
    assert expired == ["second", "again", "first"]


def test_a_time_of_nothing_is_no_limit(clock: Clock) -> None:
    deadlines: Deadlines[str] = Deadlines(0, lambda _: pytest.fail("it expired"))
    deadlines.start("item")
    clock.now_s += 1_000_000
    deadlines.check()
    assert not deadlines.waits_for("item")
