"""Another program that reads the SQLite file keeps nobody waiting."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from bbs_core.store.engine import BUSY_TIMEOUT_MS, SQLITE_FILE, database_url, writing_engine
from bbs_core.store.schema import migrate
from bbs_core.store.writer import Writer


def test_the_idle_checkpoint_waits_for_no_reader(tmp_path: Path) -> None:
    engine = writing_engine(database_url("", tmp_path))
    migrate(engine, tmp_path)
    waited: list[int] = []
    checkpointed = threading.Event()

    @sa.event.listens_for(engine, "checkin")
    def look(connection: sqlite3.Connection, _record: object) -> None:
        waited.append(connection.execute("PRAGMA busy_timeout").fetchone()[0])
        checkpointed.set()

    with closing(sqlite3.connect(tmp_path / SQLITE_FILE, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM posts").fetchone()
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        checkpointed.clear()
        writer = Writer(engine, 10, lambda _batch: None)
        writer.start()
        # Less than the wait that a busy reader would cost.
        assert checkpointed.wait(BUSY_TIMEOUT_MS / 2000)
        writer.stop(5)
    assert set(waited) == {BUSY_TIMEOUT_MS}
    engine.dispose()
