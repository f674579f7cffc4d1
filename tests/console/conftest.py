"""A console on each store; its hundreds of tests begin with copies of databases that were migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from bbs_core.store import engine as engines
from bbs_core.store.engine import SQLITE_FILE, writing_engine
from bbs_core.store.schema import migrate
from tests.console.support import Board, Browser, open_board
from tests.support import fresh_postgres_database


def _migrated(data: Path, database: str) -> None:
    engine = writing_engine(engines.database_url(database, data))
    migrate(engine, data)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema of today."""
    data = tmp_path_factory.mktemp("template")
    _migrated(data, "")
    return data / SQLITE_FILE


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database with the schema of today."""
    with fresh_postgres_database(postgres_url) as url:
        _migrated(tmp_path_factory.mktemp("template"), url)
        yield make_url(url).database or ""


@pytest.fixture
def sqlite_data(tmp_path: Path, sqlite_template: Path) -> Path:
    """A data folder with a database in it."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(sqlite_template, data)
    return data


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A `server.database` setting for a database that is ready, once of each kind."""
    if request.param == "sqlite":
        request.getfixturevalue("sqlite_data")
        yield ""
        return
    template = request.getfixturevalue("postgres_template")
    with fresh_postgres_database(request.getfixturevalue("postgres_url"), template) as url:
        yield url


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
        shutil.copy(request.getfixturevalue("sqlite_template"), data)
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
def sqlite_board(sqlite_data: Path) -> Iterator[Board]:
    """A board with its console, for what has nothing to do with the database."""
    with open_board(sqlite_data, "") as opened:
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
