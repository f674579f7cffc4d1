"""Statements of plugins, checked with their rows before anything of them is run.

What their SQL may be is the compiler's to say. Types and values are checked here: code of a plugin would otherwise run
in the writer's thread.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import sys
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from bbs_core.errors import StorageError
from bbs_core.public.storage import ROWS, WRITE_BYTES
from bbs_core.store.plugin_compiler import check_type, guarded, refused

VALUES = frozenset(
    (
        *(str, bytes, bool, int, float, type(None), decimal.Decimal, uuid.UUID),
        *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
    )
)
# A deeper value would exhaust the stack of the writer.
DEEPEST = 50
READS = (sa.Select, sa.CompoundSelect)
WRITES = (sa.Insert, sa.Update, sa.Delete)


class Guard:
    """Checks the statements of one plugin for one database."""

    def __init__(self, plugin: str, dialect: sa.Dialect) -> None:
        self._plugin = plugin
        self._dialect = dialect

    def check(self, statement: Any, kinds: tuple[type, ...]) -> None:
        """Raise StorageError for what is none of the plugin's own."""
        if not isinstance(statement, kinds):
            names = ", ".join(kind.__name__ for kind in kinds)
            raise StorageError(f"A {type(statement).__name__} will not do here: it takes {names} of SQLAlchemy.")
        self._check_parts(statement)
        for bind in self.compiled(statement, reading=kinds is READS).binds.values():
            self._check_bind(bind)

    def checked(self, given: Any) -> tuple[Any, list[dict[str, Any]] | None]:
        """Return a statement of a write, and the rows that it is given with, if any. Raises StorageError."""
        statement, rows = given if type(given) is tuple and len(given) == 2 else (given, None)
        self.check(statement, WRITES)
        return statement, None if rows is None else self._plain_rows(statement, rows)

    def _plain_rows(self, statement: Any, rows: Any) -> list[dict[str, Any]]:
        if type(rows) not in (list, tuple) or any(type(row) is not dict for row in rows):
            raise StorageError("The rows of a statement are a list of dicts.")
        if len(rows) > ROWS:
            raise StorageError(f"A statement takes at most {ROWS:,} rows.")
        if not rows:
            return []
        binds = self._binds_of_rows(statement, list(rows[0]))
        plain = [_plain_row(row, binds) for row in rows]
        if sum(size_of(value) for row in plain for value in row.values()) > WRITE_BYTES:
            raise StorageError(f"The rows of a statement have at most {WRITE_BYTES:,} bytes.")
        return plain

    def _binds_of_rows(self, statement: Any, keys: list[Any]) -> dict[str, Any]:
        """Return what the statement asks its rows for; its own values are none of theirs."""
        if any(type(key) is not str for key in keys):
            raise StorageError("The keys of a row are names of columns.")
        binds = self.compiled(statement, keys=keys).binds
        for name, bind in binds.items():
            self._check_bind(bind)
            if bind.required and bind.expanding:
                raise refused(f"the list {name}, which rows cannot fill")
        return {name: bind for name, bind in binds.items() if bind.required}

    def _check_parts(self, statement: Any) -> None:
        if statement.get_execution_options():
            raise refused("execution options")
        for element in visitors.iterate(statement):
            if not type(element).__module__.startswith("sqlalchemy."):
                raise refused(f"the element {type(element).__name__}")
        for column in getattr(statement, "selected_columns", ()):
            self.check_type(column.type)

    def compiled(self, statement: Any, reading: bool = False, keys: list[str] | None = None) -> Any:
        """Return a statement as SQL, for rows that have these keys if there are any. Raises StorageError."""
        try:
            of_rows = {"column_keys": keys} if keys else {}
            return statement.compile(dialect=guarded(self._plugin, reading, self._dialect), **of_rows)
        except StorageError as error:
            # The way through SQLAlchemy is long, and tells nobody anything.
            raise StorageError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - it raises what it likes for what it cannot make
            raise StorageError(f"The statement cannot be made: {str(error).partition(chr(10))[0]}") from None

    def check_type(self, kind: sa.types.TypeEngine[Any]) -> None:
        """Raise StorageError for a type that has code of its own."""
        check_type(kind, self._dialect)

    def _check_bind(self, bind: sa.BindParameter[Any]) -> None:
        self.check_type(bind.type)
        if bind.callable is not None or bind.literal_execute:
            raise refused("a value that is made later")
        if bind.required:
            return
        values = bind.value if isinstance(bind.value, list | tuple) and bind.expanding else [bind.value]
        for value in values:
            _check_value(bind.type, value)


def _check_value(kind: sa.types.TypeEngine[Any], value: Any) -> None:
    """A value of a type of the plugin's own would have its code run in the writer's thread."""
    if isinstance(kind, sa.JSON):
        _check_json(value)
    elif type(value) not in VALUES and not (isinstance(kind, sa.Enum) and isinstance(value, enum.Enum)):
        raise refused(f"a value of the type {type(value).__name__}")


def _plain_row(row: dict[str, Any], binds: Mapping[str, Any]) -> dict[str, Any]:
    if row.keys() != binds.keys():
        odd = sorted(map(str, row.keys() ^ binds.keys()))[0]
        raise StorageError(f"Each row has the keys that the statement has places for, and no other: {odd[:60]}.")
    for name, value in row.items():
        _check_value(binds[name].type, value)
    return dict(row)


def _check_json(value: Any, deepest: int = DEEPEST) -> None:
    kind = type(value)
    if value is sa.JSON.NULL or kind in (str, bool, int, float, type(None)):
        return
    if kind not in (list, dict) or not deepest or (kind is dict and any(type(key) is not str for key in value)):
        raise refused(f"a {kind.__name__} there in JSON, which is of texts, numbers, lists and dicts, and not deep")
    for part in value.values() if kind is dict else value:
        _check_json(part, deepest - 1)


def size_of(value: Any) -> int:
    """Return about how many bytes a value takes."""
    return len(str(value)) if isinstance(value, dict | list) else sys.getsizeof(value)
