"""The tables of plugins: migrations are recorded where their code may run, and done by the board in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from bbs_core.errors import StorageError
from bbs_core.store import plugin_rows
from bbs_core.store.models import PluginSchema, PluginValue
from bbs_core.store.plugin_compiler import NAME, own_name, prefix_of
from bbs_core.store.plugin_statements import WRITES, Guard
from bbs_core.store.plugin_tables import is_trouble, said, within

# No post is stored meanwhile, and at a start all plugins together have ten seconds.
MIGRATION_S = 3.0

ITEMS = (sa.Column, sa.PrimaryKeyConstraint, sa.UniqueConstraint, sa.ForeignKeyConstraint, sa.CheckConstraint)
Step = Callable[[Operations, Guard], Any]


@dataclass(frozen=True)
class Migration:
    """What brings the tables of a plugin to a version; `place` is where its function stands."""

    number: int
    place: str
    steps: list[Step] = field(default_factory=list)


class Recorder:
    """What a migration is given as `schema`: it writes down what is to be done, and does nothing."""

    def __init__(self, plugin: str, steps: list[Step]) -> None:
        self._plugin = plugin
        self._steps = steps

    def create_table(self, name: str, *items: sa.Column[Any] | sa.Constraint) -> None:
        """Write down a new table."""
        table = self._table(name, items)

        def step(operations: Operations, guard: Guard) -> None:
            _check_definition(guard, table)
            operations.get_bind().execute(sa.schema.CreateTable(table))
            for index in table.indexes:
                operations.get_bind().execute(sa.schema.CreateIndex(index))

        self._steps.append(step)

    def drop_table(self, name: str) -> None:
        """Write down that a table goes."""
        name = self._own(name)
        self._steps.append(lambda operations, _: operations.drop_table(name))

    def add_column(self, table: str, column: sa.Column[Any]) -> None:
        """Write down a new column."""
        definition = self._table(table, [column])

        def step(operations: Operations, guard: Guard) -> None:
            _check_definition(guard, definition)
            operations.add_column(definition.name, column)

        self._steps.append(step)

    def drop_column(self, table: str, column: str) -> None:
        """Write down that a column goes."""
        name, column = self._own(table), _text(column)
        self._steps.append(lambda operations, _: operations.drop_column(name, column))

    def create_index(self, name: str, table: str, columns: Sequence[str], *, unique: bool = False) -> None:
        """Write down a new index."""
        name, table, columns = self._own(name), self._own(table), [_text(column) for column in columns]
        self._steps.append(lambda operations, _: operations.create_index(name, table, columns, unique=unique))

    def drop_index(self, name: str, table: str) -> None:
        """Write down that an index goes."""
        name, table = self._own(name), self._own(table)
        self._steps.append(lambda operations, _: operations.drop_index(name, table))

    def execute(self, statement: Any) -> None:
        """Write down a change of rows."""

        def step(operations: Operations, guard: Guard) -> None:
            guard.check(statement, WRITES)
            operations.get_bind().execute(statement)

        self._steps.append(step)

    def _own(self, name: str) -> str:
        return own_name(self._plugin, _text(name))

    def _table(self, name: str, items: Sequence[Any]) -> sa.Table:
        name, metadata = self._own(name), sa.MetaData()
        for item in items:
            if not isinstance(item, ITEMS):
                raise StorageError(f"{name} is made of columns and constraints, and of no {type(item).__name__}.")
        table = sa.Table(name, metadata, *items)
        names = [one.name for one in table.constraints] + [one.name for one in table.indexes]
        for known in names:
            if isinstance(known, str):
                self._own(known)
        for key in table.foreign_keys:
            # One into the board's tables would keep the board from erasing its own rows.
            other, _, column = key.target_fullname.rpartition(".")
            if self._own(other) != name:
                sa.Table(other, metadata, sa.Column(column, sa.Integer), extend_existing=True)
        return table


def versions(connection: sa.Connection, plugin: str) -> tuple[int, int]:
    """Return how far the tables of a plugin have come, and those of which rows are kept aside; 0 where it has none."""
    query = sa.select(PluginSchema.version, PluginSchema.kept_version).where(PluginSchema.plugin == plugin)
    version, kept = connection.execute(query).first() or (0, 0)
    return version, kept


def refuse_newer(present: int, known: int) -> None:
    """Raise StorageError where the tables were made by a newer version of the plugin."""
    if present > known:
        knows = f"no migration after {known}" if known else "no migrations"
        raise StorageError(
            f"Its tables were made by a newer version: they are at migration {present}, and it knows {knows}."
        )


def migrate(connection: sa.Connection, plugin: str, migrations: Sequence[Migration]) -> None:
    """Do the migrations that the database has not had; the transaction has the write lock. Raises StorageError.

    Rows that are kept aside come back in the middle, when the tables are as they were when the backup was made.
    """
    present, kept = versions(connection, plugin)
    refuse_newer(max(present, kept), len(migrations))
    guard = Guard(plugin, connection.dialect)
    operations = Operations(MigrationContext.configure(connection))
    for migration in migrations[present:]:
        _do(connection, migration, operations, guard)
        if migration.number == kept:
            with _as_error("The rows of a backup cannot be put back"):
                plugin_rows.put_back(connection, plugin)
    if present < len(migrations):
        connection.execute(sa.delete(PluginSchema).where(PluginSchema.plugin == plugin))
        connection.execute(sa.insert(PluginSchema).values(plugin=plugin, version=len(migrations)))


def forget(connection: sa.Connection, plugin: str) -> tuple[list[str], int]:
    """Drop the tables of a plugin, also those aside, and its values; returns their names, and how many those are."""
    tables: list[str] = []
    if NAME.fullmatch(plugin):
        prefix = prefix_of(plugin)
        tables = [name for name in sa.inspect(connection).get_table_names() if name.startswith(prefix)]
        metadata = sa.MetaData()
        metadata.reflect(connection, only=tables)
        metadata.drop_all(connection, checkfirst=False)
    tables += plugin_rows.forget(connection, plugin)
    connection.execute(sa.delete(PluginSchema).where(PluginSchema.plugin == plugin))
    values = connection.execute(sa.delete(PluginValue).where(PluginValue.plugin == plugin)).rowcount
    return sorted(tables), values


def _do(connection: sa.Connection, migration: Migration, operations: Operations, guard: Guard) -> None:
    failed = f"Migration {migration.number} failed ({migration.place})"
    with _as_error(failed), within(connection, MIGRATION_S) as go_on:
        for step in migration.steps:
            go_on()
            step(operations, guard)


@contextmanager
def _as_error(what: str) -> Iterator[None]:
    """Say what failed; that the database is gone is no fault of the plugin."""
    try:
        yield
    except StorageError as error:
        raise StorageError(f"{what}: {error}") from None
    except sa.exc.DBAPIError as error:
        if is_trouble(error):
            raise
        raise StorageError(f"{what}: {said(error)}.") from None
    except Exception as error:
        raise StorageError(f"{what}: {type(error).__name__}: {error}") from error


def _check_definition(guard: Guard, table: sa.Table) -> None:
    """Look at all that a table's definition holds. Raises StorageError."""
    for column in table.columns:
        guard.check_type(column.type)
    # Some of them are written as they are.
    if any(part.dialect_kwargs for part in (*table.columns, *table.constraints)):
        raise StorageError("A plugin's table has no options of one kind of database.")
    guard.compiled(sa.schema.CreateTable(table))


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise StorageError(f"A name is a text, not a {type(name).__name__}.")
    # Of a plain kind, which has no say in how it is quoted.
    return str.__str__(name)
