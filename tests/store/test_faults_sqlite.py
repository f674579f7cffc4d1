"""A full disk and a locked file: rows are refused while it lasts, and the writer goes on by itself afterwards."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from bbs_core.errors import StoreUnavailable
from bbs_core.store import engine, writer
from bbs_core.store.engine import has_room
from tests.store.kit import WAIT_S, Store, post

PAGE_BYTES = 4096
BIG = "x" * PAGE_BYTES


@pytest.fixture
def url(tmp_path: Path) -> sa.URL:
    return engine.database_url("", tmp_path)


def pragma(store: Store, statement: str) -> int:
    """Ask or set something of the writer's own connection, while it does nothing."""
    with store.engine.connect() as connection:
        return int(connection.exec_driver_sql(f"PRAGMA {statement}").scalar_one())


@contextmanager
def full(store: Store) -> Iterator[None]:
    """Let the database grow by no page."""
    pragma(store, f"max_page_count={pragma(store, 'page_count')}")
    yield
    pragma(store, "max_page_count=1000000")


@contextmanager
def no_file_longer_than(limit_bytes: int) -> Iterator[None]:
    """Have the kernel refuse this process any write beyond this point of any file, as a full disk does."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_a_full_database_refuses_rows_until_there_is_room(store: Store) -> None:
    store.commit([post("before")])
    with full(store):
        lost = [post(BIG) for _ in range(10)]
        decided = store.commit(lost)
        assert [item for item, _ in decided.refused] == lost
        assert {type(error) for _, error in decided.refused} == {StoreUnavailable}
        assert isinstance(store.writer.failing, StoreUnavailable)
    store.commit([post("after")])
    assert store.writer.failing is None
    assert store.texts() == ["before", "after"]
    assert store.users()["ann"][3] == 2


def test_what_still_fits_into_a_full_database_is_kept(store: Store) -> None:
    store.commit([post("before")])
    with full(store):
        store.commit([post(BIG), post("small"), post(BIG)])
    assert store.texts() == ["before", "small"]
    assert len(store.decided.refused) == 2


def test_work_is_refused_by_a_full_database(store: Store) -> None:
    store.commit([post("before")])
    with full(store):
        refused = store.writer.call(lambda c: c.exec_driver_sql("CREATE TABLE more (x)"))
        store.wait()
        assert [item for item, _ in store.decided.refused] != []
        assert not refused.done()  # it is completed by whoever settles the batch
    store.commit([post("after")])
    assert store.texts() == ["before", "after"]


def test_a_full_disk_during_the_idle_checkpoint_does_not_end_the_writer(
    waiting: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    assert waiting.url.database is not None
    file = Path(waiting.url.database)
    checked = threading.Event()
    event.listen(waiting.engine, "checkin", lambda *_: checked.set())
    # The log has what the migration wrote, and the file may not grow to take it in.
    with no_file_longer_than(file.stat().st_size):
        waiting.writer.start()
        assert checked.wait(WAIT_S)
    waiting.commit([post("after")])
    assert waiting.texts() == ["after"]


def test_a_data_folder_that_is_away_for_a_while_does_not_end_the_writer(
    waiting: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    away = tmp_path.with_name(f"{tmp_path.name}-away")
    looked = threading.Event()

    def look(engine: sa.Engine) -> bool:
        try:
            return has_room(engine)
        finally:
            looked.set()

    monkeypatch.setattr(writer, "has_room", look)
    with full(waiting):
        tmp_path.rename(away)
        waiting.writer.start()
        waiting.commit([post(BIG)])
        assert looked.wait(WAIT_S)
        away.rename(tmp_path)
    waiting.commit([post("after")])
    assert waiting.texts() == ["after"]


def test_a_file_that_another_program_has_locked_costs_one_wait_for_all_that_waits(waiting: Store) -> None:
    pragma(waiting, "busy_timeout=20")
    attempts = []
    event.listen(waiting.engine, "checkout", lambda *_: attempts.append(1))
    with waiting.outside.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        waiting.hand_in([post(str(number)) for number in range(100)])
        waiting.writer.start()
        assert len(waiting.wait().refused) == 100
        assert isinstance(waiting.writer.failing, StoreUnavailable)
    assert len(attempts) == 1
    waiting.commit([post("after")])
    assert waiting.texts() == ["after"]
