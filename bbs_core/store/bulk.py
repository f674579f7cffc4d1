"""Many rows in one statement, in the way that each database does best (docs/decisions/0003-one-writer.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol

import sqlalchemy as sa

from bbs_core.store.engine import CHANNEL, WRITE_LOCK, is_sqlite

Row = tuple[Any, ...]
# A statement for each size is prepared once; the widest row times the longest stays under SQLite's 32,766 variables.
VALUES_SIZES = (1000, 100, 10, 1)


class Bulk(Protocol):
    """The few statements that differ between the databases."""

    def lock(self, connection: sa.Connection, rings: bool = True) -> None:
        """Make this transaction the only one that writes, on any node; its commit wakes the others if it `rings`."""

    def insert(self, connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Append rows."""

    def unnest(self, columns: Sequence[str]) -> str:
        """Return the FROM item `d` whose columns are taken from the JSON array of arrays in the parameter `rows`."""


def bulk_for(engine: sa.Engine) -> Bulk:
    """Return the statements for the engine's database."""
    return SQLiteBulk() if is_sqlite(engine) else PostgreSQLBulk()


def as_json(rows: Sequence[Row]) -> str:
    """Return rows as `Bulk.unnest` wants them."""
    return json.dumps(rows)


class SQLiteBulk:
    """Multi-row VALUES: executemany would give the interpreter lock up at each row, and wait for it."""

    def lock(self, connection: sa.Connection, rings: bool = True) -> None:
        """Do nothing: BEGIN IMMEDIATE has the lock."""

    def insert(self, connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Append rows in as few statements as the fixed sizes allow."""
        start = 0
        for size in VALUES_SIZES:
            while len(rows) - start >= size:
                values = tuple(chain.from_iterable(rows[start : start + size]))
                connection.exec_driver_sql(_insert_statement(table.name, tuple(columns), size), values)
                start += size

    def unnest(self, columns: Sequence[str]) -> str:
        """Return the rows of json_each."""
        return f"(SELECT {_json_columns(columns)} FROM json_each(:rows)) AS d"


class PostgreSQLBulk:
    """COPY for rows, and one advisory lock, so that ids become visible in the order of commit."""

    def lock(self, connection: sa.Connection, rings: bool = True) -> None:
        """Wait for the other nodes' writers, and ring their bells at the commit."""
        bell = [sa.func.pg_notify(CHANNEL, "")] if rings else []
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITE_LOCK), *bell))

    def insert(self, connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Append rows by COPY."""
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def unnest(self, columns: Sequence[str]) -> str:
        """Return the rows of jsonb_array_elements."""
        return f"(SELECT {_json_columns(columns)} FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS t(value)) AS d"


def _json_columns(columns: Sequence[str]) -> str:
    """`name` is text and `name:int` a number; `->>` with a position reads an array in both databases."""
    return ", ".join(_json_column(place, *column.split(":")) for place, column in enumerate(columns))


def _json_column(place: int, name: str, kind: str = "text") -> str:
    value = f"value ->> {place}"
    return f"CAST({value} AS BIGINT) AS {name}" if kind == "int" else f"{value} AS {name}"


_statements: dict[tuple[str, tuple[str, ...], int], str] = {}


def _insert_statement(table: str, columns: tuple[str, ...], size: int) -> str:
    key = (table, columns, size)
    if key not in _statements:
        values = f"({', '.join('?' * len(columns))})"
        _statements[key] = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([values] * size)}"
    return _statements[key]
