"""Statements of plugins: compiled by a compiler that lets nothing through but their own tables and harmless SQL.

What is refused here is refused where SQL is made, so that no wrapping hides it. Types, values and defaults are checked
too: code of a plugin would otherwise run in the writer's thread.
"""

from __future__ import annotations

import copy
import datetime
import decimal
import enum
import functools
import json
import re
import sys
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from bbs_core.errors import StorageError
from bbs_core.public.storage import ROWS, WRITE_BYTES

# The prefix of one plugin is the beginning of no other's, as `__` stands in no name.
NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
# PostgreSQL cuts longer names off.
IDENTIFIER_BYTES = 63
VALUES = frozenset(
    (
        *(str, bytes, bool, int, float, type(None), decimal.Decimal, uuid.UUID),
        *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
    )
)
# What computes of its arguments alone; others read files, run SQL out of a text, or take locks.
FUNCTIONS = frozenset(
    (
        "abs",
        "aggregate_strings",
        "avg",
        "ceil",
        "char_length",
        "coalesce",
        "concat",
        "count",
        "cume_dist",
        "current_date",
        "current_timestamp",
        "dense_rank",
        "first_value",
        "floor",
        "lag",
        "last_value",
        "lead",
        "length",
        "lower",
        "ltrim",
        "max",
        "min",
        "nth_value",
        "ntile",
        "nullif",
        "percent_rank",
        "rank",
        "replace",
        "round",
        "row_number",
        "rtrim",
        "sqrt",
        "substr",
        "sum",
        "trim",
        "upper",
    )
)
READS = (sa.Select, sa.CompoundSelect)
WRITES = (sa.Insert, sa.Update, sa.Delete)


def prefix_of(plugin: str) -> str:
    """Return what the names of a plugin's tables begin with. Raises StorageError for a name that cannot be in one."""
    if not NAME.fullmatch(plugin) or len(plugin) > IDENTIFIER_BYTES // 2:
        raise StorageError(
            "The name of a plugin with tables is short, of small letters and digits with single - and _ between them; "
            f"{plugin[:60]!r} is not."
        )
    return f"plugin_{plugin}__"


def own_name(plugin: str, name: str) -> str:
    """Return the name of a table or index, if the plugin may use it. Raises StorageError."""
    prefix = prefix_of(plugin)
    if not re.fullmatch(rf"((ix|uq|fk|ck|pk)_)?{re.escape(prefix)}[a-z][a-z0-9_]*", name):
        raise StorageError(f"{str(name)[:60]} is none of the plugin's own: their names begin with {prefix}.")
    if len(name) > IDENTIFIER_BYTES:
        raise StorageError(f"{name} is too long: a name has at most {IDENTIFIER_BYTES} characters.")
    return str(name)


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
                raise _refused(f"the list {name}, which rows cannot fill")
        return {name: bind for name, bind in binds.items() if bind.required}

    def _check_parts(self, statement: Any) -> None:
        if statement.get_execution_options():
            raise _refused("execution options")
        for element in visitors.iterate(statement):
            if not type(element).__module__.startswith("sqlalchemy."):
                raise _refused(f"the element {type(element).__name__}")
        for column in getattr(statement, "selected_columns", ()):
            self.check_type(column.type)

    def compiled(self, statement: Any, reading: bool = False, keys: list[str] | None = None) -> Any:
        """Return a statement as SQL, for rows that have these keys if there are any. Raises StorageError."""
        try:
            of_rows = {"column_keys": keys} if keys else {}
            return statement.compile(dialect=_guarded(self._plugin, reading, self._dialect), **of_rows)
        except StorageError as error:
            # The way through SQLAlchemy is long, and tells nobody anything.
            raise StorageError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - it raises what it likes for what it cannot make
            raise StorageError(f"The statement cannot be made: {str(error).partition(chr(10))[0]}") from None

    def check_type(self, kind: sa.types.TypeEngine[Any]) -> None:
        """Raise StorageError for a type that has code of its own."""
        used = kind.dialect_impl(self._dialect)
        if not type(used).__module__.startswith("sqlalchemy.") or isinstance(used, sa.TypeDecorator | sa.ARRAY):
            raise _refused(f"the type {type(kind).__name__}")

    def _check_bind(self, bind: sa.BindParameter[Any]) -> None:
        self.check_type(bind.type)
        if bind.callable is not None or bind.literal_execute:
            raise _refused("a value that is made later")
        if bind.required:
            return
        values = bind.value if isinstance(bind.value, list | tuple) and bind.expanding else [bind.value]
        for value in values:
            _check_value(bind.type, value)


def _check_value(kind: sa.types.TypeEngine[Any], value: Any) -> None:
    """A value of a type of the plugin's own would have its code run in the writer's thread."""
    if isinstance(kind, sa.JSON) or (isinstance(kind, sa.Enum) and isinstance(value, enum.Enum)):
        return
    if type(value) not in VALUES:
        raise _refused(f"a value of the type {type(value).__name__}")


def _plain_row(row: dict[str, Any], binds: Mapping[str, Any]) -> dict[str, Any]:
    if row.keys() != binds.keys():
        odd = sorted(map(str, row.keys() ^ binds.keys()))[0]
        raise StorageError(f"Each row has the keys that the statement has places for, and no other: {odd[:60]}.")
    for name, value in row.items():
        _check_value(binds[name].type, value)
    return {name: _as_json(value) if isinstance(binds[name].type, sa.JSON) else value for name, value in row.items()}


def _as_json(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        raise StorageError("A value of a JSON column is of texts, numbers, lists and dicts, and not deep.") from None


def size_of(value: Any) -> int:
    """Return about how many bytes a value takes."""
    return len(str(value)) if isinstance(value, dict | list) else sys.getsizeof(value)


@functools.lru_cache(maxsize=200)
def _guarded(plugin: str, reading: bool, dialect: sa.Dialect) -> sa.Dialect:
    guarded: Any = copy.copy(dialect)
    own = {"plugin": plugin, "reading": reading}
    guarded.statement_compiler = type("Compiler", (_Checks, dialect.statement_compiler), own)
    guarded.preparer = type("Preparer", (_Names, dialect.preparer), {})
    guarded.identifier_preparer = guarded.preparer(guarded)
    made: sa.Dialect = guarded
    return made


class _Names:
    """Stands before the class that quotes names."""

    def quote(self, ident: Any) -> Any:
        if getattr(ident, "quote", None) is False:
            raise _refused("a name without quotes")
        return super().quote(ident)  # type: ignore[misc]


class _Checks:
    """Stands before a compiler of SQLAlchemy, and looks at what it is about to write."""

    plugin: str
    reading: bool
    dialect: sa.Dialect

    def visit_table(self, table: Any, *args: Any, **kwargs: Any) -> Any:
        self._check_table(table)
        return super().visit_table(table, *args, **kwargs)  # type: ignore[misc]

    def visit_insert(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        return self._changing("insert", statement, *args, **kwargs)

    def visit_update(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        return self._changing("update", statement, *args, **kwargs)

    def visit_delete(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        return self._changing("delete", statement, *args, **kwargs)

    def _changing(self, what: str, statement: Any, *args: Any, **kwargs: Any) -> Any:
        if self.reading:
            raise StorageError("A read changes nothing: storage.write does.")
        self._check_table(statement.table)
        for column in statement.table.columns:
            for default in (column.default, column.onupdate):
                if default is not None and not default.is_scalar:
                    raise _refused(f"the default of {column.name}, which is no plain value: give the value")
        return getattr(super(), f"visit_{what}")(statement, *args, **kwargs)

    def _check_table(self, table: Any) -> None:
        if not isinstance(table, sa.TableClause):
            raise _refused(f"a {type(table).__name__} as a table")
        if table.schema is not None:
            raise _refused("a table of another schema")
        own_name(self.plugin, table.name)

    def visit_column(self, column: Any, *args: Any, **kwargs: Any) -> Any:
        if column.is_literal and column.name != "*":
            raise _refused("SQL as text")
        return super().visit_column(column, *args, **kwargs)  # type: ignore[misc]

    def visit_function(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        if function.packagenames or function.name.lower() not in FUNCTIONS:
            raise _refused(f"the function {function.name[:60]}")
        return super().visit_function(function, *args, **kwargs)  # type: ignore[misc]

    def visit_extract(self, extract: Any, **kwargs: Any) -> Any:
        if not str(extract.field).isidentifier():
            raise _refused("SQL as text")
        return super().visit_extract(extract, **kwargs)  # type: ignore[misc]

    def visit_typeclause(self, clause: Any, **kwargs: Any) -> Any:
        Guard(self.plugin, self.dialect).check_type(clause.type)
        return super().visit_typeclause(clause, **kwargs)  # type: ignore[misc]


def _refusing(what: str) -> Any:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise _refused(what)

    return refuse


for _name in ("textclause", "textual_select", "tstring", "tstring_text", "scalar_function_column"):
    setattr(_Checks, f"visit_{_name}", _refusing("SQL as text"))
for _name in ("custom_op_binary", "custom_op_unary_operator", "custom_op_unary_modifier"):
    setattr(_Checks, f"visit_{_name}", _refusing("an operator as text"))
for _name in ("select", "from", "statement", "crud"):
    setattr(_Checks, f"get_{_name}_hint_text", _refusing("a hint"))
for _name in ("regexp_match_op_binary", "not_regexp_match_op_binary", "regexp_replace_op_binary"):
    # SQLite calls Python for it, which nothing interrupts.
    setattr(_Checks, f"visit_{_name}", _refusing("a regular expression"))
for _name in ("sequence", "next_value_func", "lambda_element", "function_as_comparison_op_binary"):
    setattr(_Checks, f"visit_{_name}", _refusing(_name.replace("_", " ")))


def _refused(what: str) -> StorageError:
    return StorageError(f"A plugin's statement cannot have {what}.")
