"""Consoles that are measured, each with somebody who is signed in there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

import sqlalchemy as sa

from bbs_core.passwords import hash_password
from bbs_core.store.engine import database_url, writing_engine
from bbs_core.store.schema import migrate
from bbs_core.store.staff_models import Staff
from tests.benchmarks.busy import Console, connected
from tests.benchmarks.servers import OURS
from tests.support import ROOT, BoardProcess

PASSWORD = "correct horse battery"
WITH_CONSOLE: dict[str, object] = {**OURS, "admin_enabled": "true"}


@contextmanager
def within(data: Path) -> Iterator[tuple[BoardProcess, Console]]:
    """Run a board as it is installed, with the console in its process."""
    let_in(data, "")
    with BoardProcess(data, "", **WITH_CONSOLE) as board:
        yield board, _signed_in(board.admin_port)


def let_in(data: Path, database: str) -> None:
    """Put otto on the staff of a board."""
    engine = writing_engine(database_url(database, data))
    migrate(engine, data)
    values = {"name": "otto", "role": "owner", "password_hash": hash_password(PASSWORD), "created_at_ms": 0}
    with engine.begin() as connection:
        connection.execute(sa.insert(Staff).values(values))
    engine.dispose()


def _signed_in(port: int) -> Console:
    connection = connected(port)
    connection.request("GET", "/login")
    asked = connection.getresponse()
    cookie = _cookie(asked)
    token = re.search(r'name="csrf_token" value="([^"]+)"', asked.read().decode())
    assert token
    fields = {"name": "otto", "password": PASSWORD, "csrf_token": token[1]}
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login", urlencode(fields), headers)
    answered = connection.getresponse()
    assert answered.status == 303
    connection.close()
    return Console(port, _cookie(answered))


def _cookie(answer: HTTPResponse) -> str:
    return "; ".join(header.partition(";")[0] for header in answer.headers.get_all("Set-Cookie", []))


@contextmanager
def alone(board: BoardProcess) -> Iterator[Console]:
    """Run a console of its own beside a board on PostgreSQL."""
    where = ["--data", str(board.data), "--database", board.database]
    command = [sys.executable, "-u", "-m", "bbs_core.cli", "admin", "--admin-port", "0", *where]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            found = next(filter(None, (re.search(r"http://\S+:(\d+)", line) for line in process.stdout)))
            yield _signed_in(int(found[1]))
        finally:
            process.terminate()
