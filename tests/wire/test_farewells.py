"""A kick and a refusal are read by a client that knows nothing of either (docs/protocol.md, The network)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bbs_core.server import CROWDED, FULL
from tests.stock.double import BANNER, StockClient, receive_message
from tests.wire.doubles import finish, run_double, start_double
from tests.wire.filled import fill
from tests.wire.live import LiveBoard, requests

REASON = "You were asked to leave: spam."


def say_goodbye(board: LiveBoard, name: str, reason: str = REASON) -> None:
    line = board.connection(name)
    board.call(lambda: line.goodbye(reason))


def test_a_double_reads_at_its_next_list_why_it_was_kicked(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board, board.client("watcher") as watcher:
        double = start_double(board.port, "ann")
        assert double.stdin is not None
        print("hello", file=double.stdin, flush=True)
        while watcher.list() != ["127.0.0.1 hello"]:
            pass
        say_goodbye(board, "ann")
        done = finish(double, "too late", "dm", "watcher", "too late", "list", "quit")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count(f"Message: {REASON}\n") == 1
        assert board.departed() == "ann"
        assert watcher.list() == ["127.0.0.1 hello"]
        assert watcher.listdm() == []


def test_after_the_reason_comes_the_end_of_stream(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        say_goodbye(board, "ann")
        say_goodbye(board, "ann", "A second reason is one too many.")
        assert ann.list() == [REASON]
        assert ann.quit_and_wait_eof() == b""
        assert board.departed() == "ann"


def test_a_client_that_does_not_leave_is_closed(tmp_path: Path) -> None:
    with LiveBoard(tmp_path, limits={"farewell_timeout_s": 0.2}) as board, board.client("ann"):
        say_goodbye(board, "ann")
        assert board.departed() == "ann"


def test_a_kick_before_the_name_is_read_too(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board, socket.create_connection(("127.0.0.1", board.port)) as sock:
        assert receive_message(sock) == BANNER
        say_goodbye(board, "")
        sock.sendall(requests("ann", "list"))
        assert [receive_message(sock), receive_message(sock)] == ["1", REASON]


def test_a_kick_at_the_moment_of_entering_is_read_too(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board, socket.create_server(("127.0.0.1", 0)) as listener:
        sock = socket.create_connection(listener.getsockname(), timeout=10)
        accepted = listener.accept()[0]

        def admit_and_kick() -> None:
            board.app.server._admit(accepted, "127.0.0.1")
            [line] = board.app.server.connections
            line.goodbye(REASON)

        with sock:
            board.call(admit_and_kick)
            assert [receive_message(sock), receive_message(sock), receive_message(sock)] == [BANNER, "1", REASON]


def test_a_kick_in_the_middle_of_a_list_lets_the_list_end(tmp_path: Path) -> None:
    rows = fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with LiveBoard(tmp_path) as board, board.client("ann", rcvbuf=4096) as ann:
        ann.post("list")
        ann.sock.recv(1, socket.MSG_PEEK)
        assert board.connection("ann").busy
        say_goodbye(board, "ann")
        assert list(ann.rows()) == rows
        assert ann.list() == [REASON]


@pytest.mark.parametrize("reason", ["\x1b[2J", "ä" * 20_000])
def test_any_reason_can_be_shown(tmp_path: Path, reason: str) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        say_goodbye(board, "ann", reason)
        assert "".join(ann.list()) == reason.replace("\x1b", "␛")


def test_a_full_board_says_so_and_lets_the_next_one_in(tmp_path: Path) -> None:
    with LiveBoard(tmp_path, limits={"connections": 1}) as board:
        with board.client("ann"):
            done = run_double(board.port, "bob", "hello", "quit")
            assert (done.stdout, done.returncode) == (f"{FULL}\nWrong protocol!\n", 0)
        assert board.departed() == "ann"
        with board.client("bob") as bob:
            assert bob.banner == BANNER


def test_one_address_gets_no_more_than_its_share(tmp_path: Path) -> None:
    limits = {"connections_per_address": 2}
    with LiveBoard(tmp_path, limits=limits) as board, board.client("ann"), board.client("bob") as bob:
        done = run_double(board.port, "cat", "hello", "quit")
        assert (done.stdout, done.returncode) == (f"{CROWDED}\nWrong protocol!\n", 0)
        with socket.create_connection(("127.0.0.1", board.port), source_address=("127.0.0.2", 0)) as elsewhere:
            assert receive_message(elsewhere) == BANNER
        bob.quit_and_wait_eof()
        assert {board.departed(), board.departed()} == {"", "bob"}
        with board.client("cat") as cat:
            assert cat.banner == BANNER


def test_the_refused_leave_nothing_behind(tmp_path: Path) -> None:
    with LiveBoard(tmp_path, limits={"connections": 1}) as board, board.client("ann") as ann:
        for _ in range(50):
            assert StockClient("127.0.0.1", board.port, "bob").banner == FULL
        assert ann.list() == []
        assert board.call(lambda: len(board.app.server.connections)) == 1
