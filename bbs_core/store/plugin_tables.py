"""What plugins do with tables of their own: statements that were checked, each with an end in time."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from bbs_core.errors import BBSError, StorageError
from bbs_core.public.storage import READ_BYTES, READ_S, ROWS, WRITE_S
from bbs_core.store.plugin_statements import size_of

# A statement, and the rows that it is run for.
Work = tuple[Any, list[dict[str, Any]] | None]

# SQLite asks after so many steps of its machine whether to go on: many times in a millisecond.
STEPS = 10_000
# A text that a statement puts together is bounded as well; what people write is shorter.
TEXT_BYTES = 10_000_000
TROUBLE_OF_SQLITE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN)
# No room or no connections left, the server going down, its disk failing.
TROUBLE_OF_POSTGRESQL = ("53", "57P", "58")
# At once: a row may be as large as a text, and ten thousand such rows are more than any memory; and between pages it is
# seen whether there is time left.
PAGE_ROWS = 100
TOO_MUCH = f"A read returns at most {ROWS:,} rows, and {READ_BYTES:,} bytes: give the statement a limit."


def read(connection: sa.Connection, statement: Any) -> list[dict[str, Any]]:
    """Return the rows of a checked statement. Raises StorageError where there are too many."""
    rows: list[dict[str, Any]] = []
    room = READ_BYTES
    with _as_error(), within(connection, READ_S) as go_on:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        with connection.execute(statement, execution_options={"yield_per": PAGE_ROWS}) as result:
            for row in result.mappings():
                go_on()
                rows.append(dict(row))
                room -= sum(map(size_of, row.values()))
                if len(rows) > ROWS or room < 0:
                    raise StorageError(TOO_MUCH)
    return rows


def write(connection: sa.Connection, work: Sequence[Work]) -> int:
    """Run checked statements, each for its rows; returns how many rows they touched. Raises StorageError."""
    touched = 0
    with _as_error(), within(connection, WRITE_S) as go_on:
        for statement, rows in _in_pages(work):
            go_on()
            done = connection.execute(statement, rows, execution_options={"preserve_rowcount": True})
            touched += max(0, done.rowcount)
    return touched


def _in_pages(work: Sequence[Work]) -> Iterator[Work]:
    """Yield what is run at once: PostgreSQL looks at the time of a statement for each row of it alone."""
    for statement, rows in work:
        if rows is None:
            yield statement, None
            continue
        count = PAGE_ROWS if _is_plain(statement) else 1
        for first in range(0, len(rows), count):
            yield statement, rows[first : first + count]


def _is_plain(statement: Any) -> bool:
    """Whether it puts values into a table, for which nothing has to be looked up."""
    parts = visitors.iterate(statement)
    return isinstance(statement, sa.Insert) and not any(isinstance(part, sa.SelectBase) for part in parts)


@contextlib.contextmanager
def within(connection: sa.Connection, seconds: float) -> Iterator[Callable[[], None]]:
    """Have the database end what takes longer, and yield what is to be called before each statement.

    Raises StorageError; a transaction of SQLite may be lost then.
    """
    ends = time.monotonic() + seconds
    late = StorageError(f"It took longer than {seconds:g} s, and nothing of it is done.")

    def go_on() -> None:
        if time.monotonic() > ends:
            raise late

    bound = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
    try:
        with bound(connection, seconds):
            yield go_on
    except sa.exc.DBAPIError as error:
        if time.monotonic() < ends or error.connection_invalidated:
            raise
        raise late from None


@contextlib.contextmanager
def _on_sqlite(connection: sa.Connection, seconds: float) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    ends = time.monotonic() + seconds
    longest = driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, TEXT_BYTES)
    driver.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
        driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)


@contextlib.contextmanager
def _on_postgresql(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """For this transaction, and for each statement of it."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
    yield


@contextlib.contextmanager
def _as_error() -> Iterator[None]:
    """Turn what the database says of a statement into StorageError; that it is gone is no fault of the statement."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if is_trouble(error):
            raise
        raise StorageError(f"The database refuses it: {said(error)}.") from None
    except BBSError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a value does to the driver is no fault of the database
        raise StorageError(f"The statement cannot be run: {str(error).partition(chr(10))[0]}") from None


def is_trouble(error: sa.exc.DBAPIError) -> bool:
    """Whether the database or its disk is to blame, and no statement."""
    if isinstance(error.orig, sqlite3.Error):
        # The higher bits say more of the same; what the driver itself refuses has none.
        return (getattr(error.orig, "sqlite_errorcode", 0) & 0xFF) in TROUBLE_OF_SQLITE
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(TROUBLE_OF_POSTGRESQL)


def said(error: sa.exc.DBAPIError) -> str:
    """Return the first line of the driver's words: what follows may be people's texts."""
    return str(error.orig).partition("\n")[0].rstrip(".")
