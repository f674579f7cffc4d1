"""A compiler that lets nothing of a plugin's statements through but its own tables and harmless SQL.

What is refused here is refused where SQL is made, so that no wrapping hides it.
"""

from __future__ import annotations

import copy
import functools
import re
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import StorageError

# The prefix of one plugin is the beginning of no other's, as `__` stands in no name.
NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
# PostgreSQL cuts longer names off.
IDENTIFIER_BYTES = 63
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


def check_type(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> None:
    """Raise StorageError for a type that has code of its own."""
    used = kind.dialect_impl(dialect)
    if not type(used).__module__.startswith("sqlalchemy.") or isinstance(used, sa.TypeDecorator | sa.ARRAY):
        raise refused(f"the type {type(kind).__name__}")


def refused(what: str) -> StorageError:
    """Return what is raised for something that no statement of a plugin may have."""
    return StorageError(f"A plugin's statement cannot have {what}.")


@functools.lru_cache(maxsize=200)
def guarded(plugin: str, reading: bool, dialect: sa.Dialect) -> sa.Dialect:
    """Return a dialect that makes SQL of a plugin's statements, with this compiler."""
    ours: Any = copy.copy(dialect)
    own = {"plugin": plugin, "reading": reading}
    ours.statement_compiler = type("Compiler", (_Checks, dialect.statement_compiler), own)
    ours.preparer = type("Preparer", (_Names, dialect.preparer), {})
    ours.identifier_preparer = ours.preparer(ours)
    made: sa.Dialect = ours
    return made


class _Names:
    """Stands before the class that quotes names."""

    def quote(self, ident: Any) -> Any:
        if getattr(ident, "quote", None) is False:
            raise refused("a name without quotes")
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
                    raise refused(f"the default of {column.name}, which is no plain value: give the value")
        return getattr(super(), f"visit_{what}")(statement, *args, **kwargs)

    def _check_table(self, table: Any) -> None:
        if not isinstance(table, sa.TableClause):
            raise refused(f"a {type(table).__name__} as a table")
        if table.schema is not None:
            raise refused("a table of another schema")
        own_name(self.plugin, table.name)

    def visit_column(self, column: Any, *args: Any, **kwargs: Any) -> Any:
        if column.is_literal and column.name != "*":
            raise refused("SQL as text")
        return super().visit_column(column, *args, **kwargs)  # type: ignore[misc]

    def visit_function(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        if function.packagenames or function.name.lower() not in FUNCTIONS:
            raise refused(f"the function {function.name[:60]}")
        return super().visit_function(function, *args, **kwargs)  # type: ignore[misc]

    def visit_extract(self, extract: Any, **kwargs: Any) -> Any:
        if not str(extract.field).isidentifier():
            raise refused("SQL as text")
        return super().visit_extract(extract, **kwargs)  # type: ignore[misc]

    def visit_typeclause(self, clause: Any, **kwargs: Any) -> Any:
        check_type(clause.type, self.dialect)
        return super().visit_typeclause(clause, **kwargs)  # type: ignore[misc]


def _refusing(what: str) -> Any:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise refused(what)

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
