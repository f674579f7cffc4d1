"""200 clients that ask for 100,000 rows and read a kilobyte a second cost bounded memory, and slow nobody."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bbs_core.protocol import encode_rows
from bbs_core.sockets import UNSENT_BYTES
from tests.faults.slow_readers import READ_BYTES
from tests.faults.test_hostile_input import memory_bytes, no_exception
from tests.stock.double import StockClient
from tests.support import ROOT, BoardProcess
from tests.wire.filled import fill

ROWS = 100_000
READERS = 200
WARM_UP = 5
TIMES = 20
ROUNDS = 3
# They are as quick as in quiet, as measured; the readers' process takes its share of the machine.
SLOWER = 3
KIB = 1024
# In the server: a pack of at most `limits.pack_bytes` (64 KiB), and the session with its cursor.
READER_BYTES = 80 * KIB
# In the kernel, beside it: what may wait to be sent, and what is on its way.
KERNEL_BYTES = 2 * UNSENT_BYTES
ESTABLISHED = "01"


@contextmanager
def slow_readers(board: BoardProcess) -> Iterator[subprocess.Popen[str]]:
    """Let them loose; yields when each has its first kilobyte."""
    command = [sys.executable, "-m", "tests.faults.slow_readers", str(board.port), str(READERS)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert rest_of_a_round(process) == READ_BYTES
        yield process


def rest_of_a_round(process: subprocess.Popen[str]) -> int:
    """Wait until all have read once more; returns what the slowest has read so far."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def list_s(client: StockClient, answer_bytes: int) -> list[float]:
    """Ask for the whole list some times, with a reader that costs nothing to speak of; returns the seconds."""
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        client.post("list")
        left = answer_bytes
        while left:
            left -= len(client.sock.recv(min(left, 64 * KIB)))
        seconds.append(time.perf_counter() - start)
    return seconds


def waiting_bytes(port: int) -> list[int]:
    """Return what the kernel holds for each client of a server that has not taken it yet."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [line for line in lines if int(line[1].split(":")[1], 16) == port and line[3] == ESTABLISHED]
    return [int(line[4].split(":")[0], 16) for line in ours]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what its sockets hold")
def test_slow_readers_cost_a_pack_and_a_small_buffer_each_and_slow_nobody(tmp_path: Path) -> None:
    rows = fill(tmp_path, (f"row {number} {'x' * 50}" for number in range(ROWS)))
    answer_bytes = len(encode_rows(rows))
    with BoardProcess(tmp_path) as board, board.client("ann") as ann:
        for _ in range(WARM_UP):
            list_s(ann, answer_bytes)
        # The best of each: what else the machine does comes and goes.
        quiet_s, before = min(list_s(ann, answer_bytes)), memory_bytes(board)
        with slow_readers(board) as readers:
            besieged: list[float] = []
            for number in range(ROUNDS):
                besieged += list_s(ann, answer_bytes)
                assert rest_of_a_round(readers) == (number + 2) * READ_BYTES
            assert memory_bytes(board) - before <= READERS * READER_BYTES
            waiting = waiting_bytes(board.port)
            assert len(waiting) == READERS + 1
            assert max(waiting) <= KERNEL_BYTES
        assert min(besieged) <= SLOWER * quiet_s
        assert no_exception(board)
