"""What tests share: a board as a process of its own, and databases of both kinds."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.stock.double import StockClient

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
ROOT = Path(__file__).parent.parent


class BoardProcess:
    """`bbs serve` as users run it, in a process of its own, on a free port."""

    def __init__(self, data: Path, database: str = "", **settings: object) -> None:
        self.data = data
        self.database = database
        self.settings = settings
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "bbs_core.cli", "serve", "--port", "0", "--host", "127.0.0.1"]
        command += ["--admin-port", "0", "--data", str(self.data)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self._environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._port = 0
        self.admin_port = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(START_TIMEOUT_S), self.output
        assert self._port, self.output

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BBS_")}
        own = {f"BBS_{key.upper()}": str(value) for key, value in self.settings.items()}
        return kept | own | {"BBS_SERVER_DATABASE": self.database, "PYTHONPATH": str(ROOT)}

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
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
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()


@contextlib.contextmanager
def fresh_postgres_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Make a database on a running server, empty or a copy of another one; yields its URL."""
    name = f"bbs_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
