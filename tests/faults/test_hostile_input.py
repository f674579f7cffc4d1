"""Thousands of rude and silent connections: no exception, and no memory kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.attackers import SILENT
from tests.support import ROOT, BoardProcess

WARM_UP_ROUNDS = 2
ROUNDS = 3
ROWS = 20
TIMEOUT_S = 60


@pytest.fixture
def board(tmp_path: Path) -> Iterator[BoardProcess]:
    with BoardProcess(tmp_path / "data", limits_connections_per_address=2 * SILENT) as process:
        with process.client("host") as host:
            for number in range(ROWS):
                host.post(f"row {number}")
            host.list()
        yield process


@contextmanager
def attack(board: BoardProcess, rounds: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.attackers", str(board.port), str(rounds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.wait(TIMEOUT_S) == 0


def memory_bytes(board: BoardProcess) -> int:
    status = Path(f"/proc/{board.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def no_exception(board: BoardProcess) -> bool:
    return not any(word in board.output for word in ("Traceback", "session_failed", "never retrieved", "destroyed"))


def test_rude_and_silent_connections_cost_nothing_that_lasts(board: BoardProcess) -> None:
    with attack(board, WARM_UP_ROUNDS):
        pass
    before = memory_bytes(board)
    with attack(board, ROUNDS):
        pass
    assert memory_bytes(board) <= 1.1 * before
    assert no_exception(board)
    with board.client("host") as host:
        assert len(host.list()) >= ROWS


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.binary(max_size=300), max_size=5))
def test_no_bytes_whatever_hurt_a_live_server(board: BoardProcess, words: list[bytes]) -> None:
    """The line is ended in order, whatever came; hypothesis shrinks what does not."""
    with board.client("anyone") as anyone:
        for piece in words:
            try:
                anyone.sock.sendall(piece)
            except OSError:
                break
        try:
            anyone.sock.shutdown(1)
            while anyone.sock.recv(65536):
                pass
        except ConnectionError:
            pass
    with board.client("host") as host:
        assert len(host.list()) >= ROWS
    assert no_exception(board)
