"""The rows of plugins' tables in a backup and after it: they are kept aside until their plugin has made its tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import StorageError
from bbs_core.store.models import PluginRow, PluginSchema
from bbs_core.store.plugin_compiler import prefix_of
from bbs_core.store.plugin_tables import within
from bbs_core.store.portable import UNFIT, fitting, from_json, reflected, restart_sequences, to_json

# Read, and put back, at once.
PAGE_ROWS = 100
# A page takes milliseconds. All pages together have no end but the last row: however many they are, they come back.
PAGE_S = 3.0
# PostgreSQL looks at all foreign keys at once: a million take seconds.
KEYS_S = 600.0


def of_all_plugins(connection: sa.Connection) -> Iterator[tuple[str, str, int, str]]:
    """Yield what is in plugins' tables, as rows that are kept aside."""
    query = sa.select(PluginSchema.plugin).where(PluginSchema.version > 0).order_by(PluginSchema.plugin)
    for plugin in connection.execute(query).scalars().all():
        for table in _tables(connection, plugin):
            for number, row in enumerate(_rows(connection, table), 1):
                yield plugin, table.name, number, json.dumps(row)


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    query = sa.select(*_given(table)).order_by(*table.primary_key).execution_options(yield_per=PAGE_ROWS)
    for row in connection.execute(query).mappings():
        yield {name: to_json(value) for name, value in row.items()}


def set_aside(connection: sa.Connection) -> None:
    """Have the rows of a backup wait for their plugins, which alone can make their tables."""
    made = sa.update(PluginSchema).where(PluginSchema.version > 0)
    connection.execute(made.values(kept_version=PluginSchema.version, version=0))


def forget(connection: sa.Connection, plugin: str) -> list[str]:
    """Delete the rows that are kept aside for a plugin; returns the names of their tables."""
    mine = PluginRow.plugin == plugin
    tables = connection.execute(sa.select(PluginRow.table_name).where(mine).distinct()).scalars().all()
    connection.execute(sa.delete(PluginRow).where(mine))
    return [*tables]


def put_back(connection: sa.Connection, plugin: str) -> None:
    """Put the rows that are kept aside for a plugin into its tables, instead of what its migrations have put there.

    Raises StorageError, and what the database raises; the transaction is to be rolled back then.
    """
    tables = _tables(connection, plugin)
    with _keys_checked_at_the_end(connection, tables):
        for table in reversed(tables):
            connection.execute(sa.delete(table))
        for table in tables:
            _fill(connection, plugin, table)
            restart_sequences(connection, table)
    if left := connection.execute(sa.select(PluginRow.table_name).where(PluginRow.plugin == plugin)).scalars().first():
        raise StorageError(f"there is no table {left}")


def _fill(connection: sa.Connection, plugin: str, table: sa.Table) -> None:
    fits = {column.name: fitting(column.type) for column in _given(table)}
    for page in _pages(connection, plugin, table.name):
        rows = [_fitted(table, fits, number, json.loads(row)) for number, row in page]
        with within(connection, PAGE_S):
            connection.execute(sa.insert(table), rows)
            connection.execute(
                sa.delete(PluginRow).where(*_place(plugin, table.name), PluginRow.number <= page[-1].number)
            )


def _pages(connection: sa.Connection, plugin: str, table: str) -> Iterator[Sequence[sa.Row[int, str]]]:
    query = sa.select(PluginRow.number, PluginRow.row).where(*_place(plugin, table))
    query, number = query.order_by(PluginRow.number).limit(PAGE_ROWS), 0
    while page := connection.execute(query.where(PluginRow.number > number)).all():
        yield page
        number = page[-1].number


def _fitted(table: sa.Table, fits: dict[str, Callable[[Any], Any]], number: int, row: dict[str, Any]) -> dict[str, Any]:
    if row.keys() != fits.keys():
        raise StorageError(f"row {number} of {table.name} has other columns than the table")
    values = {}
    for name, value in row.items():
        try:
            values[name] = fits[name](from_json(value))
        except (KeyError, *UNFIT):
            # Not its own words, which have the value.
            raise StorageError(f"row {number} of {table.name} has a value that {name} cannot take") from None
    return values


@contextmanager
def _keys_checked_at_the_end(connection: sa.Connection, tables: Sequence[sa.Table]) -> Iterator[None]:
    """Let a row refer to one that comes after it."""
    check = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
    with check(connection, tables):
        yield


@contextmanager
def _on_sqlite(connection: sa.Connection, tables: Sequence[sa.Table]) -> Iterator[None]:
    connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    yield
    quote = connection.dialect.identifier_preparer.quote
    with within(connection, KEYS_S):
        for table in tables:
            if connection.exec_driver_sql(f"PRAGMA foreign_key_check({quote(table.name)})").first():
                raise StorageError(f"a row of {table.name} refers to none that is there")
    connection.exec_driver_sql("PRAGMA defer_foreign_keys=OFF")


@contextmanager
def _on_postgresql(connection: sa.Connection, tables: Sequence[sa.Table]) -> Iterator[None]:
    loosened = [*_loosened(connection.dialect.identifier_preparer.quote, tables)]
    for what, loose, _ in loosened:
        connection.exec_driver_sql(f"{what} {loose}")
    connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
    yield
    with within(connection, KEYS_S):
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        for what, _, strict in loosened:
            connection.exec_driver_sql(f"{what} {strict}")


def _loosened(quote: Callable[[str], str], tables: Sequence[sa.Table]) -> Iterator[tuple[str, str, str]]:
    """Yield what keeps rows from being put back, as they are and in their order, and how it is switched off and on."""
    for table in tables:
        alter = f"ALTER TABLE {quote(table.name)} ALTER"
        for key in table.foreign_key_constraints:
            if not key.deferrable:
                yield f"{alter} CONSTRAINT {quote(str(key.name))}", "DEFERRABLE", "NOT DEFERRABLE"
        for column in table.columns:
            if column.identity is not None and column.identity.always:
                yield f"{alter} COLUMN {quote(column.name)} SET GENERATED", "BY DEFAULT", "ALWAYS"


def _tables(connection: sa.Connection, plugin: str) -> list[sa.Table]:
    prefix = prefix_of(plugin)
    return reflected(connection, lambda name, _: name.startswith(prefix))


def _given(table: sa.Table) -> list[sa.Column[Any]]:
    """Return the columns that the database does not compute."""
    return [column for column in table.columns if column.computed is None]


def _place(plugin: str, table: str) -> tuple[sa.ColumnElement[bool], ...]:
    return PluginRow.plugin == plugin, PluginRow.table_name == table
