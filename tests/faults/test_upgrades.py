"""A database of any age opens with every row in place, and an upgrade that dies half-way has done nothing."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core.ledger import Ledger, open_key
from bbs_core.store import migrations
from bbs_core.store.engine import database_url as url_of
from bbs_core.store.schema import present_schema
from tests.faults import schemas
from tests.support import ROOT, BoardProcess, bbs

NEWEST = "9999"
DIES_HALF_WAY = f'''
import os
import signal
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "{NEWEST}"
down_revision = "{{head}}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("extra", sa.Column("id", sa.Integer(), nullable=False))
    op.execute("UPDATE posts SET text = 'changed', state = 0")
    if Path(__file__).with_name("deadly").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    op.add_column("users", sa.Column("extra", sa.Integer(), nullable=True))
'''

# Alembic's own, who was on line, and the index of words with its position, which the board goes on to fill.
PASSING = ("alembic_version", "nodes", "sessions", "post_search", "positions")
Tables = dict[str, list[dict[str, object]]]


def tables(data: Path, database: str) -> tuple[str | None, Tables]:
    """Return the schema and all rows, over a connection that knows nothing of the models."""
    engine, metadata = sa.create_engine(url_of(database, data), poolclass=sa.NullPool), sa.MetaData()
    with engine.connect() as connection:
        metadata.reflect(connection)
        kept = [table for table in metadata.sorted_tables if not table.name.startswith(PASSING)]
        found = {table.name: rows(connection, table) for table in kept}
        return present_schema(connection), found


def rows(connection: sa.Connection, table: sa.Table) -> list[dict[str, object]]:
    query = sa.select(table).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(query).mappings()]


def assert_all_is_there(old: Tables, new: Tables) -> None:
    """A newer schema may have more tables and columns; what the old one had is in its place."""
    for name, old_rows in old.items():
        pairs = zip(old_rows, new[name], strict=True)
        assert [{column: row[column] for column in old_row} for old_row, row in pairs] == old_rows, name


def test_there_is_a_database_of_every_schema() -> None:
    """The one who adds a migration records a database: `python -m tests.faults.schemas` (CONTRIBUTING.md)."""
    assert schemas.recorded() == schemas.known()


@pytest.mark.parametrize("schema", schemas.recorded())
def test_a_database_of_any_schema_opens_with_every_row_equal(tmp_path: Path, database_url: str, schema: str) -> None:
    data = tmp_path / "data"
    shown = schemas.load(schema, data, database_url)
    present, old = tables(data, database_url)
    assert present == schema
    assert all(old.values()), "a table without a row proves nothing"
    with BoardProcess(data, database_url) as board:
        assert board.terminate() == 0
        present, new = tables(data, database_url)
        assert present == schemas.known()[-1]
        assert_all_is_there(old, new)
        with sa.create_engine(url_of(database_url, data), poolclass=sa.NullPool).connect() as connection:
            assert Ledger(open_key(data)).verify(connection) == []
        board.restart()
        goes_on(board, shown)


def goes_on(board: BoardProcess, shown: schemas.Shown) -> None:
    for name, mail in shown.mail.items():
        with board.client(name) as client:
            assert client.listdm() == mail
            assert client.list() == shown.posts
    with board.client("newcomer") as newcomer:
        newcomer.post("hello")
        assert newcomer.list() == [*shown.posts, "127.0.0.1 hello"]


def upgrade(scripts: Path, data: Path, database: str) -> int:
    command = [sys.executable, "-m", "tests.faults.upgrade", str(scripts), str(data), database]
    return subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode


def test_an_upgrade_that_is_killed_half_way_has_changed_nothing(tmp_path: Path, database_url: str) -> None:
    data, scripts, newest = tmp_path / "data", tmp_path / "scripts", schemas.known()[-1]
    shutil.copytree(Path(migrations.__file__).parent, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "next.py").write_text(DIES_HALF_WAY.format(head=newest))
    deadly = scripts / "versions" / "deadly"
    deadly.touch()
    shown = schemas.load(newest, data, database_url)
    before = tables(data, database_url)
    assert upgrade(scripts, data, database_url) == -signal.SIGKILL
    assert tables(data, database_url) == before
    with BoardProcess(data, database_url) as board, board.client("newcomer") as newcomer:
        assert newcomer.list() == shown.posts
    deadly.unlink()
    assert upgrade(scripts, data, database_url) == 0
    present, after = tables(data, database_url)
    assert present == NEWEST
    assert after["extra"] == []
    assert {post["text"] for post in after["posts"]} == {"changed"}
    assert len(after["posts"]) == len(before[1]["posts"])


def test_an_older_program_refuses_a_newer_database_in_one_sentence(tmp_path: Path, database_url: str) -> None:
    data = tmp_path / "data"
    schemas.load(schemas.known()[-1], data, database_url)
    with sa.create_engine(url_of(database_url, data), poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{NEWEST}'")
    before = tables(data, database_url)
    sentence = f"Error: This database was written by a newer version of the program (schema {NEWEST})."
    for verb in ("serve --port 0", "user list", f"backup {tmp_path / 'board.zip'}"):
        refused = bbs(*verb.split(), "--data", data, *(["--database", database_url] if database_url else []))
        assert (refused.returncode, refused.stderr.strip().splitlines()) == (2, [sentence])
    assert tables(data, database_url) == before
