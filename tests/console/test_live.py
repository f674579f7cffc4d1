"""The console beside a running board: an act on a page is gone from the very next list of a stock client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.support import BoardProcess

PASSWORD = "correct horse battery"
TIMEOUT_S = 30


@pytest.fixture
def live(tmp_path: Path, database_url: str) -> Iterator[BoardProcess]:
    """A running board, once on each database."""
    with BoardProcess(tmp_path / "data", database_url) as process:
        yield process


def bbs(board: BoardProcess, *words: str, stdin: str = "") -> str:
    """Run a verb on the board's data folder, and return what it prints."""
    done = support.bbs(*words, "--data", board.data, "--database", board.database, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def ask(board: BoardProcess, path: str, token: str, body: dict[str, str] | None = None) -> Any:
    """Ask the API of a board; a body makes it a POST."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", board.admin_port, timeout=TIMEOUT_S)) as connection:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        return json.load(connection.getresponse())


def test_a_hidden_post_is_gone_from_the_very_next_list_and_comes_back_in_its_place(live: BoardProcess) -> None:
    bbs(live, "staff", "add", "olga", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    token = bbs(live, "token", "create", "--staff", "olga", "--name", "test", "--scopes", "all")
    with live.client("ann") as ann:
        for text in ("one", "two", "three"):
            ann.post(text)
        assert ann.list() == ["127.0.0.1 one", "127.0.0.1 two", "127.0.0.1 three"]
        ask(live, "/api/v1/posts/2/hide", token, {"reason": "off topic"})
        assert ann.list() == ["127.0.0.1 one", "127.0.0.1 three"]
        ask(live, "/api/v1/posts/2/restore", token, {"reason": "a mistake"})
        assert ann.list() == ["127.0.0.1 one", "127.0.0.1 two", "127.0.0.1 three"]
        (user,) = ask(live, "/api/v1/users", token)["items"]
        assert (user["name"], user["online"], user["posts"]) == ("ann", True, 3)
        assert ask(live, "/healthz", token) == {"status": "ok"}
    assert live.terminate() == 0


def test_a_verb_after_the_end_of_the_server_works_on_what_it_left(live: BoardProcess) -> None:
    bbs(live, "staff", "add", "olga", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    assert live.terminate() == 0
    token = bbs(live, "token", "create", "--staff", "olga", "--name", "test", "--scopes", "all")
    live.restart()
    assert ask(live, "/api/v1/posts", token) == {"items": [], "next": None}
    assert PASSWORD not in live.output
    assert token not in live.output
