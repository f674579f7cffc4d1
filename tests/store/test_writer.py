"""The writer: groups in order, nothing told before it is committed, and only the guilty refused."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from bbs_core.errors import Conflict, StoreUnavailable
from bbs_core.store import writer
from bbs_core.store.items import Batch, Item, NewPost, Work
from bbs_core.store.models import Message, Post, User
from tests.store.kit import BATCH_ROWS, WAIT_S, Store, message, post, visit
from tests.store.refusal import GUILTY, refuse_nul


def test_a_batch_is_told_only_when_another_connection_can_read_it(store: Store) -> None:
    seen: list[bool] = []

    def look(batch: Batch) -> None:
        posts = [text for (text,) in store.read(sa.select(Post.text).where(Post.id.in_([p.id for p in batch.posts])))]
        messages = store.read(sa.select(Message.id).where(Message.id.in_([m.id for m in batch.messages])))
        seen.append(sorted(posts) == sorted(p.text for p in batch.posts) and len(messages) == len(batch.messages))

    store.watch = look
    for number in range(20):
        store.commit([post(f"p{number}"), message(f"m{number}")])
    assert len(seen) >= 20
    assert all(seen)
    assert (len(store.decided.posts), len(store.decided.messages)) == (20, 20)


def test_all_that_waits_becomes_one_commit(store: Store) -> None:
    store.commit([post("first")])
    before = store.commits
    with store.held():
        store.hand_in([post(f"p{number}") for number in range(BATCH_ROWS)])
    store.wait_for(BATCH_ROWS + 1)
    assert store.commits - before == 2  # what held the writer, and all the others
    assert store.texts()[1:] == [f"p{number}" for number in range(BATCH_ROWS)]


def test_a_batch_has_a_limit(waiting: Store) -> None:
    waiting.hand_in([post(str(number)) for number in range(2 * BATCH_ROWS + 1)])
    waiting.writer.start()
    assert [waiting.wait().rows for _ in range(3)] == [BATCH_ROWS, BATCH_ROWS, 1]
    assert waiting.commits == waiting.writer.commits == 3


def test_ids_are_contiguous_and_keep_each_threads_order(store: Store) -> None:
    threads, rows = 4, 200

    def write(thread: int) -> None:
        store.hand_in([post(f"{thread} {number}", name=f"user{thread}") for number in range(rows)])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write, range(threads)))
    store.wait_for(threads * rows)
    texts = store.texts()
    for thread in range(threads):
        own = [text for text in texts if text.startswith(f"{thread} ")]
        assert own == [f"{thread} {number}" for number in range(rows)]
    told = {kept.id: kept.text for kept in store.decided.posts}
    assert [told[number + 1] for number in range(len(texts))] == texts
    assert [kept.id for kept in store.decided.posts] == sorted(told)


@pytest.mark.parametrize("place", [0, 137, 299])
def test_a_guilty_row_among_hundreds_is_refused_alone(waiting: Store, place: int) -> None:
    refuse_nul(waiting)
    items: list[Item] = [post(f"p{number}") for number in range(300)]
    guilty = items[place] = post(GUILTY)
    waiting.writer.start()
    decided = waiting.commit([visit("ann"), *items])
    assert [item for item, _ in decided.refused] == [guilty]
    assert isinstance(decided.refused[0][1], StoreUnavailable)
    kept = [item.text for item in items if isinstance(item, NewPost) and item is not guilty]
    assert waiting.texts() == [told.text for told in decided.posts] == kept
    # The attempts that failed have left nothing behind.
    assert waiting.users() == {"ann": (1, 1, 1, 299, 0)}


def test_after_a_guilty_row_the_next_one_is_kept(store: Store) -> None:
    refuse_nul(store)
    store.commit([post(GUILTY)])
    assert store.writer.failing is not None
    store.commit([post("good")])
    assert store.writer.failing is None
    assert store.texts() == ["good"]


def test_a_board_on_which_nobody_writes_finds_out_that_the_fault_is_gone(
    waiting: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    refuse_nul(waiting)
    written = threading.Event()
    event.listen(waiting.engine, "commit", lambda _: written.set())
    waiting.writer.start()
    waiting.commit([post(GUILTY)])
    assert written.wait(WAIT_S)
    waiting.writer.stop(WAIT_S)
    assert waiting.writer.failing is None
    assert waiting.texts() == []


def test_a_name_whose_first_row_was_refused_is_made_again(store: Store) -> None:
    refuse_nul(store)
    store.commit([post("first")])
    with store.held():
        store.hand_in([post("second"), post(GUILTY, name="zoe")])
    store.wait_for(3)
    store.commit([post("third", name="yan")])  # takes the number that zoe was to have
    store.commit([post("fourth", name="zoe")])
    assert store.texts() == ["first", "second", "third", "fourth"]
    assert {name: counts[3] for name, counts in store.users().items()} == {"ann": 2, "yan": 1, "zoe": 1}


def test_work_that_is_refused_rolls_back_alone(waiting: Store) -> None:
    def rename(connection: sa.Connection) -> None:
        connection.execute(sa.update(User).values(name="changed"))
        raise Conflict("no")

    refused = waiting.writer.call(rename)
    waiting.hand_in([post("before"), message("beside")])
    counted: Future[int] = waiting.writer.call(
        lambda connection: connection.execute(sa.select(sa.func.count()).select_from(Post)).scalar_one()
    )
    waiting.hand_in([post("after")])
    waiting.writer.start()
    with pytest.raises(Conflict, match=r"^no$"):
        refused.result(WAIT_S)
    assert counted.result(WAIT_S) == 2
    assert waiting.texts() == ["before", "after"]
    assert set(waiting.users()) == {"ann", "bob"}
    assert waiting.commits == 1
    assert waiting.writer.failing is None


@pytest.mark.parametrize("error", [ValueError("a mistake"), ZeroDivisionError()])
def test_work_that_breaks_rolls_back_alone_too(waiting: Store, error: Exception) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(sa.update(User).values(name="changed"))
        raise error

    broken = waiting.writer.call(work)
    waiting.hand_in([post("beside")])
    waiting.writer.start()
    assert broken.exception(WAIT_S) is error
    assert waiting.texts() == ["beside"]
    assert set(waiting.users()) == {"ann"}


def test_work_that_would_end_its_thread_is_refused(store: Store) -> None:
    def leave(_connection: sa.Connection) -> None:
        raise SystemExit(3)

    with pytest.raises(StoreUnavailable):
        store.writer.alone(leave).result(WAIT_S)
    store.writer.call(leave)
    while not store.decided.refused:
        store.wait()
    store.commit([post("goes on")])
    assert store.texts() == ["goes on"]
    assert store.writer.failing is None


def test_work_that_the_database_refuses_is_refused_alone(waiting: Store) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(sa.insert(User).values(id=1, name="again", name_hash=b"again"))

    waiting.hand_in([post("before")])
    work_item = Work(work)
    waiting.hand_in([work_item, post("after")])
    waiting.writer.start()
    while waiting.decided.rows < 2 or not waiting.decided.refused:
        waiting.wait()
    assert waiting.decided.refused[0][0] is work_item
    assert waiting.texts() == ["before", "after"]
    assert set(waiting.users()) == {"ann"}


def test_work_sees_the_rows_of_its_own_batch_and_its_result_comes_after_the_commit(store: Store) -> None:
    with store.held():
        store.hand_in([post("mine")])
        future = store.writer.call(lambda connection: connection.execute(sa.select(Post.text)).scalar_one())
        assert not future.done()
    assert future.result(WAIT_S) == "mine"
    assert store.texts() == ["mine"]


def test_stopping_commits_all_that_waits(waiting: Store) -> None:
    texts = [str(number) for number in range(2 * BATCH_ROWS + 500)]
    waiting.hand_in([post(text) for text in texts])
    waiting.writer.start()
    waiting.writer.stop(WAIT_S)
    assert not waiting.running
    assert waiting.texts() == texts


def test_an_idle_writer_stops(store: Store) -> None:
    store.commit([post("one")])
    store.writer.stop(WAIT_S)
    assert not store.running


class LateQueue(deque[Item]):
    """A queue into which a row falls the moment after it was found empty."""

    def __init__(self, put: Callable[[Item], None], row: Item) -> None:
        super().__init__()
        self._put = put
        self._row: Item | None = row

    def __len__(self) -> int:
        length = super().__len__()
        if self._row is not None:
            row, self._row = self._row, None
            self._put(row)
        return length


def test_a_row_that_comes_between_the_writers_look_and_its_sleep_wakes_it(
    waiting: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 2 * WAIT_S)
    monkeypatch.setattr(waiting.writer, "_queue", LateQueue(waiting.writer.put, post("late")))
    waiting.writer.start()
    waiting.wait_for(1)
    assert waiting.texts() == ["late"]
