"""A restore is done as a whole or not at all: long rows, rows that no board can hold, and a kill in the middle."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core.errors import StoreError
from bbs_core.store import archive
from bbs_core.store.engine import database_url as url_of
from bbs_core.store.engine import reading_engine
from bbs_core.store.models import Post
from tests.faults.archives import filled, rows, where
from tests.support import ROOT, bbs

# Twelve times as long in JSON, and more than SQLite keeps in memory before the end of a transaction.
LONG = "😀" * 1_000_000
LONG_ID = 9
RESTORE_AND_DIE = """
import os, signal, sys
import sqlalchemy as sa
from bbs_core.cli import main

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_behind(_connection, _cursor, statement, *_):
    if statement.lstrip().startswith(sys.argv[1]):
        die()

if sys.argv[1] == "COMMIT":
    sa.event.listen(sa.Engine, "commit", die)
else:
    sa.event.listen(sa.Engine, "after_cursor_execute", die_behind)
main(sys.argv[2:])
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a board with a long post."""
    data = tmp_path_factory.mktemp("old")
    filled(data, "")
    engine = sa.create_engine(url_of("", data))
    with engine.begin() as connection:
        post = {"id": LONG_ID, "user_id": 1, "address": "", "text": LONG, "at_ms": 1}
        connection.execute(sa.insert(Post).values(post))
    engine.dispose()
    return data


@pytest.fixture(scope="module")
def file(old: Path) -> Path:
    """Its backup."""
    made = old / "board.zip"
    assert bbs("backup", made, "--data", old).returncode == 0
    return made


def forged(file: Path, folder: Path, table: str, line: bytes) -> Path:
    """Copy a backup with one more row, and a digest that agrees."""
    copy = folder / "forged.zip"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as target:
        members = {name: source.read(name) for name in source.namelist()}
        manifest = json.loads(members[archive.MANIFEST])
        members[f"tables/{table}.jsonl"] += line + b"\n"
        manifest["tables"][table]["sha256"] = hashlib.sha256(members[f"tables/{table}.jsonl"]).hexdigest()
        members[archive.MANIFEST] = json.dumps(manifest).encode()
        for name, content in members.items():
            target.writestr(name, content)
    archive.check(copy)
    return copy


def tables(data: Path, database: str) -> list[str]:
    engine = sa.create_engine(url_of(database, data))
    found = sa.inspect(engine).get_table_names()
    engine.dispose()
    return found


def test_a_row_of_a_million_characters_comes_back(file: Path, old: Path, tmp_path: Path, database_url: str) -> None:
    back = bbs("restore", file, *where(tmp_path, database_url))
    assert back.returncode == 0, back.stderr
    assert rows(tmp_path, database_url) == rows(old, "")


def test_a_row_that_could_not_be_restored_is_not_backed_up(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LINE_LIMIT_BYTES", len(LONG))
    engine = reading_engine(url_of("", old), 1)
    with pytest.raises(StoreError, match=f"Row {LONG_ID} of the table posts is too long for a backup"):
        archive.back_up(engine, None, tmp_path / "board.zip")
    engine.dispose()
    assert list(tmp_path.iterdir()) == []


def test_a_longer_line_than_any_that_is_written_is_damage(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.check(file)
    monkeypatch.setattr(archive, "LINE_LIMIT_BYTES", len(LONG))
    with pytest.raises(StoreError, match="is damaged or no backup of a board"):
        archive.check(file)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("posts", b'[10, 1, "192.0.2.1", null, 1, 0]'),
        ("posts", b'[1, 1, "192.0.2.1", "the same id again", 1, 0]'),
        ("posts", b'[10, 99, "192.0.2.1", "by nobody", 1, 0]'),
        ("posts", b'[99999999999999999999, 1, "192.0.2.1", "a large id", 1, 0]'),
        ("posts", b'[10, 1, "192.0.2.1", {"no": "text"}, 1, 0]'),
        ("posts", b"[10]"),
        ("users", b"no JSON"),
    ],
    ids=["null", "twice", "orphan", "large", "object", "short", "text"],
)
def test_a_row_that_no_board_can_hold_leaves_nothing_of_the_others(
    file: Path, old: Path, tmp_path: Path, database_url: str, table: str, line: bytes
) -> None:
    new, bad = tmp_path / "new", forged(file, tmp_path, table, line)
    refused = bbs("restore", bad, *where(new, database_url))
    assert refused.returncode == 2
    assert refused.stderr == f"Error: {bad} holds what no board can hold: nothing was changed.\n"
    assert tables(new, database_url) == []
    assert not list(new.glob("bbs.toml*"))
    assert bbs("restore", file, *where(new, database_url)).returncode == 0
    assert rows(new, database_url) == rows(old, "")


@pytest.mark.parametrize("moment", ["CREATE TABLE users", "INSERT INTO users", "INSERT INTO posts", "COMMIT"])
def test_a_restore_that_was_killed_can_be_run_again(
    file: Path, old: Path, tmp_path: Path, database_url: str, moment: str
) -> None:
    command = [sys.executable, "-c", RESTORE_AND_DIE, moment, "restore", file, *where(tmp_path, database_url)]
    killed = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert tables(tmp_path, database_url) == []
    assert not (tmp_path / "bbs.toml").exists()
    again = bbs("restore", file, *where(tmp_path, database_url))
    assert again.returncode == 0, again.stderr
    assert rows(tmp_path, database_url) == rows(old, "")
    assert [toml.name for toml in tmp_path.glob("bbs.toml*")] == ["bbs.toml"]
    assert (tmp_path / "bbs.toml").stat().st_mode & 0o777 == 0o600
