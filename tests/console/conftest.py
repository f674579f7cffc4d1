"""A console on each store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.console.support import Board, Browser, open_board
from tests.support import fresh_postgres_database


@pytest.fixture
def board(tmp_path: Path, database_url: str) -> Iterator[Board]:
    """A board with its console, once on each database."""
    with open_board(tmp_path / "data", database_url) as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board for all tests of a module, once on each database: for those that begin with many rows."""
    data = tmp_path_factory.mktemp("shared")
    if request.param == "sqlite":
        with open_board(data, "") as opened:
            yield opened
        return
    with _postgres_board(request, data) as opened:
        yield opened


@contextmanager
def _postgres_board(request: pytest.FixtureRequest, data: Path) -> Iterator[Board]:
    template = request.getfixturevalue("postgres_template")
    with (
        fresh_postgres_database(request.getfixturevalue("postgres_url"), template) as url,
        open_board(data, url) as opened,
    ):
        yield opened


@pytest.fixture
def sqlite_board(tmp_path: Path) -> Iterator[Board]:
    """A board with its console, for what has nothing to do with the database."""
    with open_board(tmp_path / "data", "") as opened:
        yield opened


@pytest.fixture
def browser(board: Board) -> Browser:
    """A browser in which the owner, olga, is signed in."""
    board.staff()
    visitor = Browser(board)
    visitor.enter()
    return visitor


@pytest.fixture
def owner(sqlite_board: Board) -> Browser:
    """A browser in which the owner, olga, is signed in; beside her there is otto."""
    sqlite_board.staff()
    sqlite_board.staff("otto", "moderator")
    browser = Browser(sqlite_board)
    browser.enter()
    return browser
