"""The schema of a database: looked at, refused, and brought up to date before anything else happens."""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bbs_core.errors import SchemaTooNew, StoreError
from bbs_core.store import migrations
from bbs_core.store.engine import (
    WRITE_LOCK,
    files_as_error,
    is_sqlite,
    no_board,
    reading_engine,
    unavailable_as_error,
    writing_engine,
)


def migrate(engine: sa.Engine, data: Path) -> None:
    """Bring the schema up to date, after a backup of a SQLite file that has one; leaves the old state if it fails.

    Raises SchemaTooNew, StoreUnavailable.
    """
    with _written_alone(engine) as connection:
        scripts, present = _scripts(), present_schema(connection)
        _refuse_newer(scripts, present)
        if present == scripts.get_current_head():
            return
        if present is None and sa.inspect(connection).get_table_names():
            raise StoreError("The database is of another program: it has tables, and none of a board.")
        if present is not None and is_sqlite(engine):
            _back_up(engine, data / "backups", present)
        _upgrade(connection, "head")


def refuse_other_schema(engine: sa.Engine) -> None:
    """Raise StoreError where the database is not of this version's schema; its servers bring it up to date."""
    head = _scripts()
    with unavailable_as_error(), engine.connect() as connection:
        present = present_schema(connection)
    _refuse_newer(head, present)
    if present != head.get_current_head():
        schema = f"the schema {present}" if present else "no board"
        raise StoreError(f"The database has {schema}: start this version of the board on it first.")


@contextmanager
def filling(engine: sa.Engine, schema: str) -> Iterator[sa.Connection]:
    """Fill an empty database in one transaction: it has `schema` within, today's at the end, nothing if this fails.

    Raises SchemaTooNew, StoreUnavailable, and StoreError where the database is not empty.
    """
    _refuse_newer(_scripts(), schema)
    with _written_alone(engine) as connection:
        if present_schema(connection) is not None:
            raise StoreError("There is a board already: name an empty data folder or database.")
        _upgrade(connection, schema)
        yield connection
        _upgrade(connection, "head")


def present_schema(connection: sa.Connection) -> str | None:
    """Return the schema that a database has, None where it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def schema_of_board(connection: sa.Connection) -> str:
    """Return the schema of the board in a database. Raises SchemaTooNew, and StoreError where there is no board."""
    present = present_schema(connection)
    if present is None:
        raise StoreError(no_board(connection.engine.url))
    _refuse_newer(_scripts(), present)
    return present


@dataclass(frozen=True)
class Engines:
    """How a server comes to its database; tests keep theirs from one board to the next, and their schema is there."""

    writing: Callable[[sa.URL], sa.Engine] = writing_engine
    reading: Callable[[sa.URL, int], sa.Engine] = reading_engine
    prepare: Callable[[sa.Engine, Path], None] = migrate


ENGINES = Engines()


@contextmanager
def _written_alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    with unavailable_as_error(), engine.begin() as connection:
        if not is_sqlite(engine):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITE_LOCK)))
        yield connection


def _upgrade(connection: sa.Connection, schema: str) -> None:
    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, schema)


def _scripts() -> ScriptDirectory:
    return _scripts_in(str(Path(migrations.__file__).parent))


@functools.cache
def _scripts_in(folder: str) -> ScriptDirectory:
    """Return the migrations; reading their files takes longer than all else at the start of a small board."""
    return ScriptDirectory(folder)


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return config


def _refuse_newer(scripts: ScriptDirectory, present: str | None) -> None:
    if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaTooNew(f"This database was written by a newer version of the program (schema {present}).")


def _back_up(engine: sa.Engine, folder: Path, present: str) -> None:
    with files_as_error(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    assert engine.url.database is not None
    source = sqlite3.connect(engine.url.database)
    target = sqlite3.connect(folder / f"before-upgrade-from-{present}-{int(time.time())}.sqlite3")
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
