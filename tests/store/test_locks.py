"""One process at a time: for a data folder, and for a SQLite file by whatever name and from whatever folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bbs_core.errors import BoardInUse, StoreError
from bbs_core.store.engine import SQLITE_FILE, data_lock
from tests.support import bbs


def serve(*options: str | Path) -> subprocess.CompletedProcess[str]:
    return bbs("serve", "--port", "0", "--no-admin", *options)


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    with data_lock(tmp_path), pytest.raises(BoardInUse, match="Another process serves the board in"):
        data_lock(tmp_path).__enter__()
    with data_lock(tmp_path):
        pass


def test_a_sqlite_file_is_held_by_one_whatever_the_data_folder(tmp_path: Path) -> None:
    file, other = tmp_path / "one" / SQLITE_FILE, tmp_path / "two"
    with data_lock(file.parent):
        refused = serve("--data", other, "--database", f"sqlite:///{file}")
    assert refused.returncode == 2
    assert refused.stderr == (
        f"Error: Another process, with another data folder, serves the database {file.resolve()}: stop it first.\n"
    )
    assert not file.exists()
    with data_lock(other, f"sqlite:///{file}"), pytest.raises(StoreError, match="serves the database"):
        data_lock(file.parent).__enter__()
    with data_lock(file.parent):
        pass


def test_a_link_to_the_file_is_no_way_around(tmp_path: Path) -> None:
    file, link = tmp_path / "one" / SQLITE_FILE, tmp_path / "link.sqlite3"
    link.symlink_to(file)
    with data_lock(file.parent), pytest.raises(StoreError, match=f"serves the database {file.resolve()}"):
        data_lock(tmp_path / "two", f"sqlite:///{link}").__enter__()


def test_files_beside_one_another_do_not_disturb_one_another(tmp_path: Path) -> None:
    with (
        data_lock(tmp_path / "one", f"sqlite:///{tmp_path}/one.sqlite3"),
        data_lock(tmp_path / "two", f"sqlite:///{tmp_path}/two.sqlite3"),
    ):
        pass


def test_nodes_share_a_postgresql_database(tmp_path: Path) -> None:
    url = "postgresql://ann@host/board"
    with data_lock(tmp_path / "one", url), data_lock(tmp_path / "two", url):
        pass


def test_a_folder_of_the_database_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/board\.lock cannot be used: No such file or directory\."):
        data_lock(tmp_path, f"sqlite:///{tmp_path}/nowhere/board").__enter__()
