"""A row that either database refuses, though the others of its batch are in order."""

from __future__ import annotations

from tests.store.kit import Store

GUILTY = "gui\0lty"
SQLITE_REFUSES_NUL_TOO = """
CREATE TRIGGER refuse BEFORE INSERT ON posts WHEN instr(new.text, char(0)) > 0
BEGIN SELECT RAISE(ABORT, 'no'); END
"""


def refuse_nul(store: Store) -> None:
    """PostgreSQL refuses it by itself; have SQLite refuse it by a trigger."""
    if store.engine.dialect.name == "sqlite":
        with store.outside.begin() as connection:
            connection.exec_driver_sql(SQLITE_REFUSES_NUL_TOO)
