"""What each connection is set to, so that what was shown survives a power cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core.errors import StoreError, StoreUnavailable
from bbs_core.store.engine import WAL_LIMIT_BYTES, database_url, reading_engine, writing_engine
from bbs_core.store.models import User
from bbs_core.store.readers import Readers
from bbs_core.store.schema import migrate
from tests.support import fresh_postgres_database

FULL = 2  # https://www.sqlite.org/pragma.html#pragma_synchronous


def ask(engine: sa.Engine, statement: str) -> Any:
    with engine.connect() as connection:
        return connection.exec_driver_sql(statement).scalar_one()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = writing_engine(database_url("", tmp_path))
    migrate(engine, tmp_path)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", FULL), ("foreign_keys", 1), ("journal_size_limit", WAL_LIMIT_BYTES)],
)
def test_the_writing_connection_of_sqlite_is_durable(sqlite: sa.Engine, pragma: str, value: object) -> None:
    assert ask(sqlite, f"PRAGMA {pragma}") == value


def test_foreign_keys_are_kept_on_both_databases(url: sa.URL, tmp_path: Path) -> None:
    engine = writing_engine(url)
    migrate(engine, tmp_path)
    orphan = "INSERT INTO posts (id, user_id, address, text, at_ms) VALUES (1, 99, '', '', 0)"
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.exec_driver_sql(orphan)
    engine.dispose()


def test_ddl_is_rolled_back_with_its_transaction(url: sa.URL, tmp_path: Path) -> None:
    engine = writing_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE half (x INTEGER)")
        connection.rollback()
    assert not sa.inspect(engine).has_table("half")
    engine.dispose()


def test_readers_of_sqlite_cannot_write(sqlite: sa.Engine, tmp_path: Path) -> None:
    readers = Readers(reading_engine(sqlite.url, 1), 1)
    insert = sa.insert(User).values(id=1, name="ann", name_hash=b"ann")
    with pytest.raises(StoreUnavailable, match="readonly"):
        readers.read_now(lambda connection: connection.execute(insert))
    assert readers.read_now(lambda connection: connection.execute(sa.select(sa.func.count(User.id))).scalar()) == 0
    readers.close()


def test_postgresql_waits_for_the_disk_even_where_its_default_is_not_to(postgres_url: str, tmp_path: Path) -> None:
    with fresh_postgres_database(postgres_url) as address:
        url = database_url(address, tmp_path)
        engine = writing_engine(url)
        with engine.begin() as connection:
            name = connection.execute(sa.select(sa.func.current_database())).scalar_one()
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
        engine.dispose()
        assert ask(sa.create_engine(url, poolclass=sa.NullPool), "SHOW synchronous_commit") == "off"
        assert ask(engine, "SHOW synchronous_commit") == "on"
        engine.dispose()


@pytest.mark.parametrize("folder", ["data", "a b", "what?", "100%41", "#1"])
def test_the_empty_setting_is_a_file_in_the_data_folder(tmp_path: Path, folder: str) -> None:
    data = tmp_path / folder
    data.mkdir()
    engine = writing_engine(database_url("", data))
    migrate(engine, data)
    engine.dispose()
    assert "bbs.sqlite3" in {file.name for file in data.iterdir()}


@pytest.mark.parametrize("address", ["mysql://ann@host/board", "nonsense", "postgresql://ann@host:port/board"])
def test_another_database_is_refused_in_one_sentence(address: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^The database must be [^.]+\.$"):
        database_url(address, tmp_path)


def test_a_database_that_does_not_answer_is_refused_in_one_sentence(tmp_path: Path) -> None:
    engine = writing_engine(database_url("postgresql://ann@127.0.0.1:1/board", tmp_path))
    with pytest.raises(StoreUnavailable, match=r"^The database does not answer: [^\n]+$"):
        migrate(engine, tmp_path)
