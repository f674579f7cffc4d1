"""The console as a process of its own, beside a board on one PostgreSQL database."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.support import ROOT, BoardProcess, fresh_postgres_database

PASSWORD = "correct horse battery"
WAIT_S = 20
PROMISED_S = 2.0


@pytest.fixture
def board(tmp_path: Path, postgres_url: str) -> Iterator[BoardProcess]:
    with fresh_postgres_database(postgres_url) as url, BoardProcess(tmp_path, url, admin_enabled=False) as running:
        yield running


@contextmanager
def process(board: BoardProcess, *command: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Run a console for the data and the database of a board."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BBS_")}
    own = {"BBS_SERVER_DATA": str(board.data), "BBS_SERVER_DATABASE": board.database, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**kept, **own, "PYTHONUNBUFFERED": "1", **more},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def line_with(running: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert running.stdout is not None
    seen = []
    for line in running.stdout:
        seen.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError("".join(seen))


def bbs(board: BoardProcess, *words: str, stdin: str = "") -> str:
    where = ["--data", str(board.data), "--database", board.database]
    done = support.bbs(*words, *where, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ask(port: int, path: str, token: str = "", body: object = None) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/json")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=WAIT_S) as response:
        return json.load(response)


def test_it_moderates_the_board_of_another_process(board: BoardProcess) -> None:
    bbs(board, "staff", "add", "olga", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    token = bbs(board, "token", "create", "--staff", "olga", "--name", "test", "--scopes", "all")
    with process(board, "-m", "bbs_core.cli", "admin", "--admin-port", "0") as console, board.client("ann") as ann:
        port = int(line_with(console, r"http://127\.0\.0\.1:(\d+)/")[1])
        ann.post("one")
        ann.post("two")
        assert len(ann.list()) == 2
        assert ask(port, "/healthz") == {"status": "ok"}
        ask(port, "/api/v1/posts/1/hide", token, {"reason": "spam"})
        end = time.monotonic() + PROMISED_S
        while ann.list() != ["127.0.0.1 two"]:
            assert time.monotonic() < end
        [user] = ask(port, "/api/v1/users", token)["items"]
        assert (user["name"], user["online"]) == ("ann", True)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_S) as answer:
            assert b"process_resident_memory_bytes" in answer.read()
        console.send_signal(signal.SIGTERM)
        assert console.wait(WAIT_S) == 0


def test_any_wsgi_server_runs_it(board: BoardProcess) -> None:
    serve = ("-m", "waitress", "--listen=127.0.0.1:0", "--call", "admin:create_app")
    with process(board, *serve) as console:
        assert "/setup?key=" in line_with(console, "no_owner_yet.*")[0]
        port = int(line_with(console, r"Serving on http://127\.0\.0\.1:(\d+)")[1])
        assert ask(port, "/healthz") == {"status": "ok"}
        assert board.terminate() == 0
        with pytest.raises(urllib.error.HTTPError, match="503"):
            ask(port, "/healthz")


def test_the_set_up_link_is_printed(board: BoardProcess) -> None:
    with process(board, "-m", "bbs_core.cli", "admin", "--admin-port", "0") as console:
        assert line_with(console, r"setup\?key=\S{32}")


def test_what_it_cannot_do_is_one_sentence(board: BoardProcess, tmp_path: Path) -> None:
    def refused(**more: str) -> str:
        own = {"BBS_SERVER_DATA": str(board.data), "BBS_SERVER_DATABASE": board.database}
        done = support.bbs("admin", "--admin-port", "0", stdin="", folder=ROOT, **(own | more))
        assert done.returncode == 2
        return done.stderr

    assert "needs PostgreSQL" in refused(BBS_SERVER_DATABASE="")
    bbs(board, "staff", "add", "olga", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    assert "copy ledger.key" in refused(BBS_SERVER_DATA=str(tmp_path / "elsewhere"))
    assert "--behind-proxy" in refused(BBS_ADMIN_HOST="0.0.0.0")
