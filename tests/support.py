"""What tests share: a board as a process of its own, and databases of both kinds."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import Protocol, Self

import psycopg

from tests.forking import forker
from tests.stock.double import StockClient

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
VERB_TIMEOUT_S = 60
# How many times as much is tried as the suite has time for; `make soak` sets it.
SOAK = int(os.environ.get("SOAK", "1"))
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 * 1024**3
ROOT = Path(__file__).parent.parent


class Process(Protocol):
    """What the tests need to know of a process."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int, /) -> None: ...


def environment() -> dict[str, str]:
    """Return the environment of a process that knows no setting of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BBS_")}
    return {**kept, "PYTHONPATH": str(ROOT)}


def bbs(*words: str | Path, stdin: str = "", folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Type a verb of `bbs` in a folder, and return how it ended."""
    typed = [*map(str, words)]
    with TemporaryFile("w+") as asked, TemporaryFile("w+") as printed, TemporaryFile("w+") as errors:
        asked.write(stdin)
        asked.seek(0)
        files = [asked.fileno(), printed.fileno(), errors.fileno()]
        code = forker().start(typed, environment() | variables, folder, files).wait(VERB_TIMEOUT_S)
        for file in (printed, errors):
            file.seek(0)
        return subprocess.CompletedProcess(typed, code, printed.read(), errors.read())


class BoardProcess:
    """`bbs serve` as users run it, in a process of its own, on a free port."""

    def __init__(self, data: Path, database: str = "", **settings: object) -> None:
        self.data = data
        self.database = database
        self.settings = settings
        self._start()

    def _start(self) -> None:
        words = ["serve", "--port", "0", "--host", "127.0.0.1", "--admin-port", "0", "--data", str(self.data)]
        output, printed = os.pipe()
        self.process = self._run(words, printed)
        os.close(printed)
        self._output = os.fdopen(output, encoding="utf-8")
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._port = 0
        self.admin_port = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(START_TIMEOUT_S), self.output
        assert self._port, self.output

    def _run(self, words: Sequence[str], output: int) -> Process:
        with Path(os.devnull).open() as nothing:
            return forker().start(words, self._environment(), ROOT, [nothing.fileno(), output, output])

    def _environment(self) -> dict[str, str]:
        own = {f"BBS_{key.upper()}": str(value) for key, value in self.settings.items()}
        return environment() | own | {"BBS_SERVER_DATABASE": self.database}

    def _read(self) -> None:
        for line in self._output:
            self.lines.append(line)
            if not self._port and (found := re.search(r"port (\d+)", line)):
                self._port = int(found[1])
            if found := re.search(r"http://\S+:(\d+)", line):
                self.admin_port = int(found[1])
            if line.startswith("The data is in"):
                self._ready.set()
        self._ready.set()

    @property
    def output(self) -> str:
        """All that the process has printed."""
        return "".join(self.lines)

    @property
    def port(self) -> int:
        """The port that clients dial."""
        return self._port

    def client(self, name: str, **options: object) -> StockClient:
        """Connect a stock client."""
        return StockClient("127.0.0.1", self.port, name, **options)  # type: ignore[arg-type]

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def terminate(self) -> int:
        """Ask it to stop; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def restart(self) -> None:
        """Start it again on the same data."""
        self._start()

    def _ended(self) -> int:
        code = self.process.wait(STOP_TIMEOUT_S)
        self._reader.join(STOP_TIMEOUT_S)
        self._output.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()


def postgres_folder() -> TemporaryDirectory[str]:
    """Return a folder for a PostgreSQL server: in memory where there is room, as every database is 300 files.

    It is not below pytest's, whose mode each new run sets back to one that keeps the server's user out.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    return TemporaryDirectory(prefix="bbs-postgres-", dir=MEMORY if roomy else None)


@contextlib.contextmanager
def fresh_postgres_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Make a database on a running server, empty or a copy of another one; yields its URL."""
    name = f"bbs_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
