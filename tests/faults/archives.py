"""What tests of backups share: the command line, a board with something of everything, and a database's rows."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from bbs_core.store.archive import NOT_ROWS
from bbs_core.store.engine import database_url as url_of
from tests.support import BoardProcess, bbs


def where(data: Path, database: str) -> list[str | Path]:
    return ["--data", data, *(["--database", database] if database else [])]


def rows(data: Path, database: str) -> dict[str, list[tuple[object, ...]]]:
    engine = sa.create_engine(url_of(database, data))
    metadata = sa.MetaData()
    with engine.connect() as connection:
        metadata.reflect(connection)
        found = {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
            if not table.name.startswith(NOT_ROWS)
        }
    engine.dispose()
    return found


def filled(data: Path, database: str) -> None:
    """Give the board of everything something: users, posts, messages, staff, a token, acts."""
    with BoardProcess(data, database) as board:
        with board.client("älice") as alice:
            alice.post("hello\0日本語")
            alice.dm("bob", "x" * 9999)
            alice.list()
        assert bbs("staff", "add", "eve", "--role", "owner", "--password-stdin", *where(data, database), stdin="p" * 12)
        made = bbs("token", "create", "--staff", "eve", "--name", "x", "--scopes", "all", *where(data, database))
        assert made.returncode == 0, made.stderr
        assert board.terminate() == 0
