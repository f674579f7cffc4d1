"""Migrations: they make what the models say, once, whole or not at all, and never backwards."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from bbs_core.errors import SchemaTooNew, StoreError
from bbs_core.store import migrations
from bbs_core.store.engine import database_url, is_sqlite, writing_engine
from bbs_core.store.models import Model, User
from bbs_core.store.schema import migrate
from tests.support import fresh_postgres_database

HEAD = "0004"
REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("extra", sa.Column("id", sa.Integer(), nullable=False))
    op.execute("UPDATE users SET name = 'changed'")
    {more}
"""
ANN = {"id": 1, "name": "ann", "name_hash": b"ann"}


@pytest.fixture
def engine(empty_database_url: str, tmp_path: Path) -> Iterator[sa.Engine]:
    engine = writing_engine(database_url(empty_database_url, tmp_path))
    yield engine
    engine.dispose()


@pytest.fixture
def old(engine: sa.Engine, tmp_path: Path) -> sa.Engine:
    """A database of today's schema with a user on it; to the program of tomorrow it is an old one."""
    migrate(engine, tmp_path)
    with engine.begin() as connection:
        connection.execute(sa.insert(User).values(ANN))
    return engine


def test_a_database_of_another_program_is_left_alone(engine: sa.Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE users (id INTEGER)"))
    with pytest.raises(StoreError, match="of another program"):
        migrate(engine, tmp_path)
    assert sa.inspect(engine).get_table_names() == ["users"]


def add_revision(monkeypatch: pytest.MonkeyPatch, folder: Path, more: str) -> None:
    """Have the program know one more revision, which runs `more` last."""
    scripts = folder / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "next.py").write_text(REVISION.format(head=HEAD, more=more))
    monkeypatch.setattr(migrations, "__file__", str(scripts / "__init__.py"))


def is_modelled(name: str | None, kind: str, _parents: object) -> bool:
    """The search's tables are each database's own."""
    return not (name or "").startswith("post_search")


def revision(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def names(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(User.name)).scalars())


def backups(folder: Path) -> list[Path]:
    return sorted((folder / "backups").glob("*"))


def test_the_migrations_make_what_the_models_say(engine: sa.Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    assert revision(engine) == HEAD
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": is_modelled}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Model.metadata) == []


def test_a_second_upgrade_changes_nothing(old: sa.Engine, tmp_path: Path) -> None:
    written: list[str] = []
    sa.event.listen(old, "before_cursor_execute", lambda *arguments: written.append(arguments[2]))
    migrate(old, tmp_path)
    assert [sql for sql in written if sql.split()[0] not in ("SELECT", "PRAGMA", "BEGIN")] == []
    assert written
    assert names(old) == ["ann"]
    assert backups(tmp_path) == []


def test_an_old_schema_is_brought_up_to_date(old: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_revision(monkeypatch, tmp_path, more="")
    migrate(old, tmp_path)
    assert revision(old) == "next"
    assert sa.inspect(old).has_table("extra")
    assert names(old) == ["changed"]


@pytest.mark.parametrize("more", ['op.execute("INSERT INTO nowhere VALUES (1)")', "raise ZeroDivisionError"])
def test_an_upgrade_that_fails_half_way_leaves_the_old_state(
    old: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    with monkeypatch.context() as patch:
        add_revision(patch, tmp_path, more)
        with pytest.raises(Exception, match=r"nowhere|^$"):
            migrate(old, tmp_path)
    assert revision(old) == HEAD
    assert not sa.inspect(old).has_table("extra")
    assert names(old) == ["ann"]
    migrate(old, tmp_path)  # today's program goes on with it


def test_a_sqlite_file_is_backed_up_before_its_schema_changes(
    old: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_revision(monkeypatch, tmp_path, more="")
    migrate(old, tmp_path)
    if not is_sqlite(old):
        assert backups(tmp_path) == []
        return
    (backup,) = backups(tmp_path)
    with sqlite3.connect(backup) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert kept.execute("SELECT name FROM users").fetchall() == [("ann",)]
        assert kept.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    kept.close()


def test_an_older_program_refuses_a_newer_database(old: sa.Engine, tmp_path: Path) -> None:
    with old.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    sentence = r"^This database was written by a newer version of the program \(schema 9999\)\.$"
    with pytest.raises(SchemaTooNew, match=sentence):
        migrate(old, tmp_path)
    assert revision(old) == "9999"
    assert names(old) == ["ann"]


def test_nodes_that_start_together_upgrade_once(postgres_url: str, tmp_path: Path) -> None:
    with fresh_postgres_database(postgres_url) as address:
        engines = [writing_engine(database_url(address, tmp_path)) for _ in range(4)]
        with ThreadPoolExecutor(len(engines)) as pool:
            list(pool.map(lambda engine: migrate(engine, tmp_path), engines))
        assert [revision(engine) for engine in engines] == [HEAD] * len(engines)
        for engine in engines:
            engine.dispose()
