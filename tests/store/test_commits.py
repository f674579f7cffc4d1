"""The loop's side of the writer: tickets, what wakes those who wait, and when a full queue lets go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa

from bbs_core.errors import Conflict, StoreUnavailable, UserError
from bbs_core.settings import StoreSettings
from bbs_core.store.commits import Commits
from bbs_core.store.items import Batch
from bbs_core.store.models import Post
from bbs_core.store.writer import Writer
from tests.store.kit import WAIT_S, Listener, Store, message, post, visit
from tests.store.refusal import GUILTY, refuse_nul

QUEUE_ROWS = 10
QUEUE_CHARACTERS = 10_000


class Desk:
    """A writer with its commits; what is followed waits until `follow` is set, which it is at first."""

    def __init__(self, store: Store, queue_rows: int) -> None:
        self.store = store
        self.shown: list[str] = []
        self.broken = False
        self.follow = asyncio.Event()
        self.follow.set()
        self.following = asyncio.Event()
        self.shared = store.engine.dialect.name != "sqlite"
        self.commits = Commits(
            StoreSettings(queue_rows=queue_rows, queue_characters=QUEUE_CHARACTERS),
            self.shared,
            self._kept,
            self._follow,
        )
        self._loop = asyncio.get_running_loop()
        self.writer = Writer(store.engine, QUEUE_ROWS // 2, self._settle)
        self.commits.start(self.writer)

    def _settle(self, batch: Batch) -> None:
        self._loop.call_soon_threadsafe(self.commits.settle, batch)

    def _kept(self, batch: Batch) -> None:
        if self.broken:
            raise ValueError
        self.shown += [item.text for item in batch.posts] + [item.text for item in batch.messages]

    async def _follow(self) -> None:
        self.following.set()
        await self.follow.wait()

    def hold(self) -> tuple[threading.Event, threading.Event]:
        """Have the writer wait when it comes to this; returns what tells that it does, and what lets it go on."""
        held, go_on = threading.Event(), threading.Event()

        def wait(_: sa.Connection) -> None:
            held.set()
            assert go_on.wait(WAIT_S)

        self.writer.call(wait)
        return held, go_on

    async def decided(self, ticket: int) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.commits.decided(ticket)


@pytest.fixture
def queue_rows() -> int:
    return QUEUE_ROWS


@pytest_asyncio.fixture
async def desk(url: sa.URL, tmp_path: Path, queue_rows: int) -> AsyncIterator[Desk]:
    store = Store(url, tmp_path)
    desk = Desk(store, queue_rows)
    desk.writer.start()
    yield desk
    desk.follow.set()
    await asyncio.to_thread(desk.writer.stop, WAIT_S)
    store.close()


async def test_a_decided_row_is_committed_and_shown(desk: Desk) -> None:
    for text in ("one", "two"):
        ticket = desk.commits.append(post(text))
        assert not desk.commits.is_decided(ticket)
        await desk.decided(ticket)
        assert desk.commits.is_decided(ticket)
        assert desk.store.texts() == desk.shown
    assert desk.shown == ["one", "two"]
    assert desk.commits.waiting_rows == 0


async def test_rows_of_every_kind_have_tickets(desk: Desk) -> None:
    assert [desk.commits.append(row) for row in (visit("ann"), post("p"), message("m"))] == [1, 2, 3]
    await desk.decided(3)
    assert desk.store.users()["ann"] == (1, 1, 1, 1, 1)


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("queue_rows", [10_000])
async def test_tickets_of_many_threads_follow_the_order_of_the_commits(desk: Desk) -> None:
    threads, rows = 4, 400
    tickets: dict[int, str] = {}

    def write(thread: int) -> None:
        for number in range(rows):
            text = f"{thread} {number}"
            tickets[desk.commits.append(post(text))] = text

    with ThreadPoolExecutor(threads) as pool:
        await asyncio.gather(*(asyncio.get_running_loop().run_in_executor(pool, write, n) for n in range(threads)))
    await desk.decided(threads * rows)
    assert desk.store.read(sa.select(Post.id, Post.text).order_by(Post.id)) == sorted(tickets.items())


async def test_a_full_queue_lets_go_when_half_of_it_is_free(desk: Desk) -> None:
    (held, first), half = desk.hold(), QUEUE_ROWS // 2
    assert held.wait(WAIT_S)
    for number in range(half):
        desk.commits.append(post(str(number)))
    assert not desk.commits.full
    _, second = desk.hold()
    for number in range(half):
        desk.commits.append(post(str(number)))
    assert desk.commits.full
    room = asyncio.ensure_future(desk.commits.room())
    await asyncio.sleep(0)
    assert not room.done()
    first.set()
    async with asyncio.timeout(WAIT_S):
        await room
    # The second half is still held, and nobody has to wait for it.
    assert desk.commits.waiting_rows == half
    assert not desk.commits.full
    second.set()
    await desk.decided(QUEUE_ROWS)


async def test_those_who_wait_are_woken_in_the_order_of_their_tickets(desk: Desk) -> None:
    (_, go_on), woken = desk.hold(), []
    tickets = [desk.commits.append(post(str(number))) for number in range(8)]

    async def wait(ticket: int) -> None:
        await desk.decided(ticket)
        woken.append(ticket)

    waiting = [asyncio.ensure_future(wait(ticket)) for ticket in reversed(tickets)]
    await asyncio.sleep(0)
    waiting.pop(3).cancel()  # a line that was lost meanwhile holds nobody up
    go_on.set()
    await asyncio.gather(*waiting)
    assert woken == [ticket for ticket in tickets if ticket != tickets[4]]


async def test_the_author_hears_of_a_row_that_is_not_kept(desk: Desk) -> None:
    refuse_nul(desk.store)
    author = Listener()
    desk.commits.append(post("good", author=author))
    ticket = desk.commits.append(post(GUILTY, author=author))
    await desk.decided(ticket)
    assert [(kind, text, type(error)) for kind, text, error in author.heard] == [("post", GUILTY, StoreUnavailable)]
    assert desk.shown == ["good"]
    assert desk.commits.waiting_rows == 0


async def test_whoever_waits_is_woken_though_a_row_breaks_those_who_show_it(desk: Desk) -> None:
    desk.broken = True
    await desk.decided(desk.commits.append(post("odd")))
    desk.broken = False
    await desk.decided(desk.commits.append(post("even")))
    assert desk.shown == ["even"]
    assert desk.store.texts() == ["odd", "even"]


async def test_a_queue_is_full_by_its_characters_too(desk: Desk) -> None:
    _, go_on = desk.hold()
    long = "x" * (QUEUE_CHARACTERS // 2)
    desk.commits.append(post(long))
    assert not desk.commits.full
    desk.commits.append(visit(long))
    assert desk.commits.full
    room = asyncio.ensure_future(desk.commits.room())
    await asyncio.sleep(0)
    assert not room.done()
    go_on.set()
    async with asyncio.timeout(WAIT_S):
        await room
    await desk.decided(2)
    assert not desk.commits.full


async def test_who_does_not_wait_for_room_is_refused_before_the_memory_is_full(desk: Desk) -> None:
    _, go_on = desk.hold()
    tickets = [desk.commits.append(post(str(number))) for number in range(2 * QUEUE_ROWS)]
    with pytest.raises(UserError, match="cannot write as fast"):
        desk.commits.append(post("too much"))
    go_on.set()
    await desk.decided(tickets[-1])
    await desk.decided(desk.commits.append(post("again")))
    assert len(desk.store.texts()) == len(tickets) + 1


async def test_works_result_comes_after_its_effect_shows(desk: Desk) -> None:
    desk.follow.clear()
    future = desk.writer.call(lambda connection: connection.execute(sa.select(sa.literal(7))).scalar_one())
    async with asyncio.timeout(WAIT_S):
        await desk.following.wait()
    assert not future.done()
    desk.follow.set()
    async with asyncio.timeout(WAIT_S):
        assert await asyncio.wrap_future(future) == 7


async def test_works_error_reaches_its_caller(desk: Desk) -> None:
    def refuse(_: sa.Connection) -> None:
        raise Conflict("no")

    with pytest.raises(Conflict, match=r"^no$"):
        await asyncio.wrap_future(desk.writer.call(refuse))


async def test_work_that_the_database_refuses_is_an_error_of_its_caller(desk: Desk) -> None:
    work = desk.writer.call(lambda connection: connection.exec_driver_sql("SELECT nothing FROM nowhere"))
    with pytest.raises(StoreUnavailable):
        await asyncio.wrap_future(work)


async def test_a_row_is_decided_at_its_commit_or_on_a_shared_database_when_it_was_followed(desk: Desk) -> None:
    desk.follow.clear()
    ticket = desk.commits.append(post("one"))
    if desk.shared:
        async with asyncio.timeout(WAIT_S):
            await desk.following.wait()
        assert not desk.commits.is_decided(ticket)
        desk.follow.set()
    await desk.decided(ticket)
    assert desk.following.is_set() == desk.shared
