"""What plugins do with tables of their own: statements that were checked, each with an end in time."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import StorageError
from bbs_core.public.storage import READ_BYTES, READ_S, ROWS, WRITE_S

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
                room -= sum(map(_size, row.values()))
                if len(rows) > ROWS or room < 0:
                    raise StorageError(TOO_MUCH)
    return rows


def _size(value: Any) -> int:
    """Return about how many bytes a value takes."""
    return len(str(value)) if isinstance(value, dict | list) else sys.getsizeof(value)


def write(connection: sa.Connection, statements: Sequence[Any], rows: Sequence[dict[str, Any]] | None = None) -> int:
    """Run checked statements, the first for each row; returns how many rows they touched. Raises StorageError."""
    touched = 0
    with _as_error(), within(connection, WRITE_S) as go_on:
        for statement, some in _in_pages(statements, rows):
            go_on()
            done = connection.execute(statement, some, execution_options={"preserve_rowcount": True})
            touched += max(0, done.rowcount)
    return touched


def _in_pages(
    statements: Sequence[Any], rows: Sequence[dict[str, Any]] | None
) -> Iterator[tuple[Any, Sequence[dict[str, Any]] | None]]:
    """Yield statements with the rows that each is run for."""
    for first in range(0, len(rows or ()), PAGE_ROWS):
        yield statements[0], (rows or ())[first : first + PAGE_ROWS]
    for statement in statements if rows is None else statements[1:]:
        yield statement, None


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
    except (sa.exc.SQLAlchemyError, TypeError, ValueError, OverflowError) as error:
        raise StorageError(f"The statement cannot be run: {str(error).partition(chr(10))[0]}") from None


def is_trouble(error: sa.exc.DBAPIError) -> bool:
    """Whether the database or its disk is to blame, and no statement."""
    if isinstance(error.orig, sqlite3.Error):
        # The higher bits say more of the same.
        return (error.orig.sqlite_errorcode & 0xFF) in TROUBLE_OF_SQLITE
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(TROUBLE_OF_POSTGRESQL)


def said(error: sa.exc.DBAPIError) -> str:
    """Return the first line of the driver's words: what follows may be people's texts."""
    return str(error.orig).partition("\n")[0].rstrip(".")
