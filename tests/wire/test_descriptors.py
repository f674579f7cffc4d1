"""A board without file descriptors for more clients goes on with those it has, and lets the others in later."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from bbs_core.server import FULL, SPARE_DESCRIPTORS
from tests.stock.double import BANNER, StockClient, receive_message
from tests.support import BoardProcess
from tests.wire.live import LiveBoard

IP = "127.0.0.1"
SPARE = 3


def leave_few_descriptors(board: BoardProcess) -> None:
    """Let the process open only a few files more."""
    open_now = [int(entry.name) for entry in Path(f"/proc/{board.process.pid}/fd").iterdir()]
    limit = max(open_now) + 1 + SPARE
    resource.prlimit(board.process.pid, resource.RLIMIT_NOFILE, (limit, limit))


def test_whoever_finds_no_descriptor_waits_and_gets_in(tmp_path: Path) -> None:
    with BoardProcess(tmp_path / "data") as board, ExitStack() as stack, board.client("ann") as ann:
        ann.list()
        leave_few_descriptors(board)
        waiting = [stack.enter_context(socket.create_connection((IP, board.port))) for _ in range(4 * SPARE)]
        while "accept_failed" not in board.output:
            pass
        ann.post("hello")
        assert ann.list() == [f"{IP} hello"]
        for sock in waiting:
            sock.settimeout(10)
            assert receive_message(sock) == BANNER
            sock.close()


@pytest.mark.parametrize(("descriptors", "clients"), [(4, 3), (100, 75), (10_000, 10_000 - SPARE_DESCRIPTORS)])
def test_the_system_has_the_last_word_on_how_many_may_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, descriptors: int, clients: int
) -> None:
    monkeypatch.setattr("bbs_core.server._raise_descriptor_limit", lambda: descriptors)
    with LiveBoard(tmp_path) as board, board.client("ann"):
        assert board.app.server._capacity == clients
        board.app.server._capacity = 1
        assert StockClient(IP, board.port, "bob").banner == FULL
