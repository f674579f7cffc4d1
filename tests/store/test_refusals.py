"""A server that cannot open its board says why in one sentence, and exits with code 2."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa

from bbs_core.ledger import KEY_FILE
from bbs_core.store.engine import database_url, writing_engine
from bbs_core.store.schema import migrate
from tests.support import BoardProcess, bbs

ERROR_EXIT_CODE = 2
TIMEOUT_S = 20


def refusal(data: Path) -> str:
    """Start a server that must refuse; returns its sentence."""
    done = bbs("serve", "--port", "0", "--no-admin", "--data", data)
    assert (done.returncode, done.stdout) == (ERROR_EXIT_CODE, "")
    found = re.fullmatch(r"Error: ([^\n]+)\n", done.stderr)
    assert found, done.stderr
    return found[1]


def test_a_second_server_of_one_data_folder_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with BoardProcess(data) as board:
        assert refusal(data) == f"Another process serves the board in {data}."
        with board.client("ann") as ann:
            ann.post("still here")
            assert ann.list() == ["127.0.0.1 still here"]
        board.kill()
        # The lock died with its process, though its file is still there.
        assert (data / "lock").exists()
        board.restart()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    engine = writing_engine(database_url("", tmp_path))
    migrate(engine, tmp_path)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert refusal(tmp_path) == "This database was written by a newer version of the program (schema 9999)."


def test_a_damaged_ledger_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    assert "is not 32 bytes long" in refusal(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    database_file = database_url("", tmp_path).database
    assert database_file is not None
    Path(database_file).write_text("This is a shopping list. " * 100)
    assert "database" in refusal(tmp_path)
