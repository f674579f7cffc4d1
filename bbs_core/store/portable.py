"""Values of any column as JSON, and back into a column of either database.

SQLite is read and written as it stores, whatever a column's type says, so that nothing there is beyond words. In
PostgreSQL what is none of the plain types is read and written as its text.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

NUMBERS = (sa.Integer, sa.Numeric, sa.Float, sa.Boolean)
PLAIN = (*NUMBERS, sa.String, sa.DateTime, sa.Date, sa.Time, sa.LargeBinary, sa.Uuid)
# What a value that does not fit its column raises.
UNFIT = (ArithmeticError, AttributeError, TypeError, ValueError)


class Spelling(NamedTuple):
    """How JSON has a value that it lacks: a text, under the name of its kind."""

    name: str
    write: Callable[[Any], str]
    read: Callable[[str], Any]


SPELLINGS: dict[type, Spelling] = {
    bytes: Spelling("bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
    datetime.datetime: Spelling("datetime", datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    datetime.date: Spelling("date", datetime.date.isoformat, datetime.date.fromisoformat),
    datetime.time: Spelling("time", datetime.time.isoformat, datetime.time.fromisoformat),
    decimal.Decimal: Spelling("decimal", str, decimal.Decimal),
    uuid.UUID: Spelling("uuid", str, uuid.UUID),
    # Infinite, or no number.
    float: Spelling("float", repr, float),
}
READERS = {spelling.name: spelling.read for spelling in SPELLINGS.values()}


def to_json(value: Any) -> Any:
    """Return what stands for a value in JSON."""
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    spelling = SPELLINGS[type(value)]
    return {spelling.name: spelling.write(value)}


def from_json(value: Any) -> Any:
    """Return the value. Raises KeyError and ValueError."""
    if not isinstance(value, dict):
        return value
    [(name, text)] = value.items()
    return READERS[name](text)


class _AsText(sa.types.TypeDecorator[str]):
    """A type of PostgreSQL, by way of the text that it knows for each of its values."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, kind: sa.types.TypeEngine[Any]) -> None:
        super().__init__()
        self.kind = kind

    def bind_expression(self, bindparam: sa.BindParameter[Any]) -> sa.ColumnElement[Any]:
        return sa.cast(sa.type_coerce(bindparam, sa.Text), self.kind)

    def column_expression(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.type_coerce(sa.cast(column, sa.Text), self)


def reflected(connection: sa.Connection, only: Callable[[str, Any], bool]) -> list[sa.Table]:
    """Return tables with columns that give and take values that are portable; those that others refer to come first."""
    metadata = sa.MetaData()
    metadata.reflect(connection, only=only)
    for table in metadata.tables.values():
        for column in table.columns:
            if connection.dialect.name == "sqlite":
                column.type = sa.types.NullType()
            elif not isinstance(column.type, PLAIN):
                column.type = _AsText(column.type)
    return metadata.sorted_tables


def fitting(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any]:
    """Return what makes of a value, of whichever database, one for such a column; it raises one of UNFIT."""
    fit = next(fit for one, fit in FITS.items() if isinstance(kind, one))
    return lambda value: None if value is None else fit(value, kind)


def _as_sqlite_stores(value: Any, _: Any) -> Any:
    """As SQLAlchemy would by the column's type; SQLite knows of no time zones."""
    if isinstance(value, datetime.datetime):
        return _without_zone(value).isoformat(" ", "microseconds")
    if isinstance(value, datetime.time):
        return value.replace(tzinfo=None).isoformat("microseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return value.hex
    return float(value) if isinstance(value, decimal.Decimal) else value


def _boolean(value: Any, _: Any) -> bool:
    if value not in (0, 1):
        raise ValueError("neither true nor false")
    return bool(value)


def _integer(value: Any, _: Any) -> int:
    if value != int(value):
        raise ValueError("no whole number")
    return int(value)


def _datetime(value: Any, kind: Any) -> datetime.datetime:
    time = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    if not kind.timezone:
        return _without_zone(time)
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def _without_zone(time: datetime.datetime) -> datetime.datetime:
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time


def _as(kind: Any) -> Callable[[Any, Any], Any]:
    """Read what SQLite has as text."""
    return lambda value, _: kind.fromisoformat(value) if isinstance(value, str) else value


# The first that holds: all are of the last kind.
FITS: dict[type[sa.types.TypeEngine[Any]], Callable[[Any, Any], Any]] = {
    sa.types.NullType: _as_sqlite_stores,
    _AsText: lambda value, _: str(value),
    sa.Boolean: _boolean,
    sa.Integer: _integer,
    sa.Float: lambda value, _: float(value),
    sa.Numeric: lambda value, _: decimal.Decimal(str(value)),
    sa.DateTime: _datetime,
    sa.Date: _as(datetime.date),
    sa.Time: _as(datetime.time),
    sa.Uuid: lambda value, _: uuid.UUID(str(value)),
    sa.types.TypeEngine: lambda value, _: value,
}


def restart_sequences(connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL numbers rows by sequences, which have to go on behind the rows that were put in."""
    if connection.dialect.name != "postgresql":
        return
    quoted = connection.dialect.identifier_preparer.format_table(table)
    for column in table.columns:
        if isinstance(column.type, sa.Integer) and column.server_default is not None:
            name = connection.execute(sa.select(sa.func.pg_get_serial_sequence(quoted, column.name))).scalar()
            last = connection.execute(sa.select(sa.func.max(column))).scalar() or 0
            if name and last > 0:
                connection.execute(sa.select(sa.func.setval(name, last)))
