"""The rows of plugins' own tables come back after a restore: the plugin makes its tables, and the board fills them."""

from __future__ import annotations

import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
import sqlalchemy as sa

from bbs_core import acts
from bbs_core.acts import Desk
from bbs_core.store import archive, plugin_rows
from bbs_core.store.engine import database_url as url_of
from bbs_core.store.engine import writing_engine
from bbs_core.store.models import PluginRow
from tests.effects.kit import STAFF
from tests.faults.archives import rows, where
from tests.faults.keeping import CHECKED, FAILING, KEEPING, SECOND, UNCHECKED
from tests.faults.test_restore import RESTORE_AND_DIE
from tests.platform.outside import put
from tests.support import ROOT, SOAK, fresh_postgres_database
from tests.wire.live import LiveBoard

# Fifty pages.
MANY_ROWS = 5_000 * SOAK
ROW_BYTES = 1000
PLAYERS = "plugin_dice__zplayers"
TABLES = ["plugin_dice__arolls", "plugin_dice__turns", PLAYERS]
# Of the plugin, after /fill: three rolls, two players and a turn.
ROWS = 6
BOTH = ["* [2, 'bob']", "* [3, 'eve']"]


def asked(data: Path, database: str, *words: str) -> list[str]:
    """Start a board, and return what its plugin answers to each word."""
    with LiveBoard(data, server={"database": database}) as board, board.client("ann") as ann:
        assert board.app.plugins["dice"].reason == ""
        before = len(ann.list())
        for word in words:
            ann.post(word)
        return ann.list()[before:]


def backed_up(data: Path, database: str) -> Path:
    engine, file = writing_engine(url_of(database, data)), data / "board.zip"
    file.unlink(missing_ok=True)
    archive.back_up(engine, None, file)
    engine.dispose()
    return file


def restored(file: Path, data: Path, database: str) -> None:
    data.mkdir(exist_ok=True)
    engine = writing_engine(url_of(database, data))
    archive.restore(engine, data, file)
    engine.dispose()


@contextmanager
def changing(data: Path, database: str) -> Iterator[sa.Connection]:
    engine = writing_engine(url_of(database, data))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def looked_at(data: Path, database: str) -> tuple[list[str], int]:
    """Return the tables of the plugin, and how many rows are kept aside for it."""
    found = rows(data, database)
    return sorted(name for name in found if name.startswith("plugin_dice__")), len(found["plugin_rows"])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a SQLite board with rows of every type."""
    old = tmp_path_factory.mktemp("old")
    put(old, "dice.py", KEEPING)
    asked(old, "", "/fill")
    return backed_up(old, "")


def test_rows_of_every_type_come_back_in_either_database(
    tmp_path: Path, database_url: str, other_database: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    put(old, "dice.py", KEEPING)
    _, *before = asked(old, database_url, "/fill", "/show")
    assert len(before) == ROWS + 2, "the migration's own player is not among them"
    live_elsewhere(other_database)
    restored(backed_up(old, database_url), new, other_database)
    assert looked_at(new, other_database) == ([], ROWS)
    put(new, "dice.py", KEEPING)
    *after, more = asked(new, other_database, "/show", "/more")
    assert after == before
    assert more == "* 4 3"
    assert looked_at(new, other_database) == (TABLES, 0)


def live_elsewhere(database: str) -> None:
    """Have PostgreSQL take a time without a zone for another one than UTC."""
    if database:
        with psycopg.connect(database) as connection:
            connection.execute(f"ALTER DATABASE {connection.info.dbname} SET timezone = 'Asia/Tokyo'")


def test_they_pass_through_the_migrations_that_are_newer_than_the_backup(
    file: Path, tmp_path: Path, database_url: str
) -> None:
    restored(file, tmp_path, database_url)
    put(tmp_path, "dice.py", KEEPING + SECOND)
    assert asked(tmp_path, database_url, "/names") == ["* [2, 'bob the second']", "* [3, 'eve the second']"]


FAILURES = {
    "a later migration": (KEEPING + FAILING, "Migration 2 failed (dice.py:"),
    "a check": (KEEPING.replace(UNCHECKED, CHECKED), "The rows of a backup cannot be put back: "),
    "other columns": (KEEPING.replace('"yes"', '"no"'), "row 1 of plugin_dice__arolls has other columns"),
    "another table": (KEEPING.replace("__arolls", "__brolls"), "there is no table plugin_dice__arolls"),
    "newer": (KEEPING.replace("@migration(1)", ""), "Its tables were made by a newer version: they are at migration 1"),
}


@pytest.mark.parametrize(("source", "why"), FAILURES.values(), ids=FAILURES)
def test_a_failure_leaves_them_aside_until_a_version_comes_that_takes_them(
    file: Path, tmp_path: Path, database_url: str, source: str, why: str
) -> None:
    restored(file, tmp_path, database_url)
    refused(tmp_path, database_url, source, why)
    put(tmp_path, "dice.py", KEEPING)
    assert asked(tmp_path, database_url, "/names") == BOTH


def refused(data: Path, database: str, source: str, why: str) -> None:
    put(data, "dice.py", source)
    with LiveBoard(data, server={"database": database}) as board:
        plugin = board.app.plugins["dice"]
        assert plugin.state == "failed"
        assert why in plugin.reason
        assert "bob" not in plugin.reason
        assert board.app.writer.failing is None
    assert looked_at(data, database) == ([], ROWS)


def test_a_value_that_only_sqlite_takes_stays_aside_in_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with fresh_postgres_database(postgres_url) as url:
        put(tmp_path / "old", "dice.py", KEEPING)
        asked(tmp_path / "old", "", "/fill")
        with changing(tmp_path / "old", "") as connection:
            connection.exec_driver_sql("UPDATE plugin_dice__arolls SET at = 'when bob came' WHERE id = 2")
        restored(backed_up(tmp_path / "old", ""), tmp_path / "new", url)
        refused(tmp_path / "new", url, KEEPING, "row 2 of plugin_dice__arolls has a value that at cannot take")


def test_a_row_that_refers_to_none_is_refused(file: Path, tmp_path: Path, database_url: str) -> None:
    restored(file, tmp_path, database_url)
    with changing(tmp_path, database_url) as connection:
        connection.execute(sa.delete(PluginRow).where(PluginRow.table_name.endswith("zplayers"), PluginRow.number == 1))
        connection.execute(sa.insert(PluginRow).values(plugin="other", table_name="x", number=1, row="{}"))
    refused(tmp_path, database_url, KEEPING, "The rows of a backup cannot be put back: ")


@pytest.mark.parametrize("moment", ["CREATE TABLE plugin_dice__arolls", "DELETE FROM plugin_rows"])
def test_a_start_that_is_killed_half_way_leaves_them_aside(
    file: Path, tmp_path: Path, database_url: str, moment: str
) -> None:
    restored(file, tmp_path, database_url)
    put(tmp_path, "dice.py", KEEPING)
    verb = ["serve", "--port", "0", "--admin-port", "0", *where(tmp_path, database_url)]
    command = [sys.executable, "-c", RESTORE_AND_DIE, moment, *map(str, verb)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert looked_at(tmp_path, database_url) == ([], ROWS)
    assert asked(tmp_path, database_url, "/names") == BOTH


def test_a_plugin_that_is_missing_finds_them_later_and_after_another_backup(
    file: Path, tmp_path: Path, database_url: str
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    restored(file, one, database_url)
    with LiveBoard(one, server={"database": database_url}):
        pass
    restored(backed_up(one, database_url), two, "")
    for data, database in ((one, database_url), (two, "")):
        put(data, "dice.py", KEEPING)
        assert asked(data, database, "/names") == BOTH


def test_they_are_forgotten_with_all_else_that_the_plugin_keeps(file: Path, tmp_path: Path) -> None:
    restored(file, tmp_path, "")
    with LiveBoard(tmp_path) as board:
        desk = Desk(board.app.access, board.app.ledger, board.settings)
        gone = acts.perform(desk, STAFF, "plugin.forget", {"name": "dice", "reason": "enough"})
        assert gone["tables"] == TABLES
    assert looked_at(tmp_path, "") == ([], 0)
    put(tmp_path, "dice.py", KEEPING)
    assert asked(tmp_path, "", "/names") == ["* [1, 'the house']"]


def test_many_rows_come_back_in_pages_and_have_no_deadline_in_common(
    file: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored(file, tmp_path, database_url)
    text = "x" * ROW_BYTES
    made = [
        {
            "plugin": "dice",
            "table_name": PLAYERS,
            "number": number,
            "row": f'{{"id": {number}, "name": "{number}{text}"}}',
        }
        for number in range(4, MANY_ROWS + 2)
    ]
    with changing(tmp_path, database_url) as connection:
        connection.execute(sa.insert(PluginRow), made)
    put(tmp_path, "dice.py", KEEPING)
    with monkeypatch.context() as patch:
        pages = counted(patch, plugin_rows, "within")
        assert asked(tmp_path, database_url) == []
    assert looked_at(tmp_path, database_url)[1] == 0
    with changing(tmp_path, database_url) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(sa.table(PLAYERS))).scalar() == MANY_ROWS
        assert streamed(connection) == MANY_ROWS + ROWS - 2
    assert len(pages) > MANY_ROWS // plugin_rows.PAGE_ROWS


def counted(patch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[object]:
    """Return a list of the calls of a function, which goes on to do its work."""
    calls: list[object] = []
    function = getattr(module, name)

    def called(*arguments: object) -> object:
        calls.append(arguments)
        return function(*arguments)

    patch.setattr(module, name, called)
    return calls


def streamed(connection: sa.Connection) -> int:
    """Return how many rows a backup reads; a good part of them is never in memory at once, nor in the driver's."""
    tracemalloc.start()
    try:
        found = plugin_rows.of_all_plugins(connection)
        next(found)
        if connection.dialect.name == "postgresql":
            assert connection.exec_driver_sql("SELECT count(*) FROM pg_cursors").scalar() == 1
        count = 1 + sum(1 for _ in found)
        assert tracemalloc.get_traced_memory()[1] < MANY_ROWS * ROW_BYTES / 4
    finally:
        tracemalloc.stop()
    return count
