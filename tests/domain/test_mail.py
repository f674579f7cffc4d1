"""Mailboxes: opened once, closed for room, and no message lost or doubled between the database and memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bbs_core.app import App
from bbs_core.chunks import Cache
from bbs_core.errors import StoreUnavailable
from bbs_core.mail import Mail
from bbs_core.settings import BoardSettings
from bbs_core.store import engine
from tests.domain.kit import BUDGET_BYTES, CHUNK_ROWS, HeldReaders, new_message, running, send, shown
from tests.store.kit import Store

ROOMY_BYTES = 1_000_000


class Post:
    """A post office: mail over a database, told of commits only when a test says so."""

    def __init__(self, store: Store, budget_bytes: int) -> None:
        self.store = store
        self.readers = HeldReaders(store.url)
        self.cache = Cache(budget_bytes)
        self.mail = Mail(BoardSettings(), None, self.readers, self.cache)  # type: ignore[arg-type]
        self._told = 0

    def commit(self, *texts: str, to: str = "bob") -> None:
        """Commit messages without telling the mail."""
        self.store.commit([new_message(text, to) for text in texts])

    def tell(self) -> None:
        """Tell the mail what was committed since it was told last."""
        self.mail.kept(self.store.decided.messages[self._told :])
        self._told = len(self.store.decided.messages)

    async def list(self, name: str = "bob") -> list[str]:
        return await shown(self.mail.rows(name))


@pytest.fixture
async def office(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest, small_chunks: None
) -> AsyncIterator[Post]:
    store = Store(engine.database_url(database_url, tmp_path), tmp_path)
    store.writer.start()
    office = Post(store, getattr(request, "param", ROOMY_BYTES))
    yield office
    office.readers.close()
    store.close()


async def test_messages_stand_in_the_order_of_their_commit(office: Post) -> None:
    texts = [str(number) for number in range(3 * CHUNK_ROWS + 1)]
    office.commit(*texts)
    office.tell()
    assert await office.list() == texts
    office.commit("more", "to another", to="bob")
    office.tell()
    assert await office.list() == [*texts, "more", "to another"]
    assert await office.list("Bob") == []


# A mailbox is opened by two questions: where its chunks begin, and what is in the last one.
@pytest.mark.parametrize("question", [1, 2])
async def test_a_message_committed_while_the_mailbox_opens_is_there_once(office: Post, question: int) -> None:
    office.commit("before")
    office.tell()
    office.readers.held = question
    opening = asyncio.ensure_future(office.list())
    await office.readers.keeps_one()
    office.commit("during")
    office.tell()
    office.readers.gate.set()
    assert await opening == ["before", "during"]
    assert await office.list() == ["before", "during"]
    assert office.readers.count == 2


async def test_a_message_that_was_read_before_it_was_told_of_is_there_once(office: Post) -> None:
    office.commit("one", "two")
    assert await office.list() == ["one", "two"]
    office.tell()
    assert await office.list() == ["one", "two"]


async def test_a_mailbox_is_opened_once_however_many_ask(office: Post) -> None:
    office.commit("one")
    office.readers.held = 1
    asked = [asyncio.ensure_future(office.list()) for _ in range(5)]
    await office.readers.keeps_one()
    asked[0].cancel()
    office.readers.gate.set()
    assert await asyncio.gather(*asked[1:]) == [["one"]] * 4
    assert office.readers.count == 2


async def test_a_mailbox_that_could_not_be_opened_is_tried_again(office: Post) -> None:
    office.commit("one")
    office.readers.broken = True
    with pytest.raises(StoreUnavailable):
        await office.list()
    office.readers.broken = False
    office.commit("two")
    office.tell()
    assert await office.list() == ["one", "two"]


@pytest.mark.parametrize("office", [BUDGET_BYTES], indirect=True)
async def test_a_mailbox_that_had_to_leave_memory_comes_back_whole(office: Post) -> None:
    texts = ["x" * 500 + str(number) for number in range(2 * CHUNK_ROWS)]
    office.commit(*texts)
    office.tell()
    under_way = await office.mail.rows("bob").snapshot()
    assert await office.list() == texts
    for name in ("ann", "cy", "di", "ed", "flo"):
        office.commit("hello", to=name)
        office.tell()
        assert await office.list(name) == ["hello"]
    reads = office.readers.count
    office.commit("more")
    office.tell()
    assert [text async for text in under_way.texts()] == texts
    assert await office.list() == [*texts, "more"]
    assert office.readers.count > reads
    assert office.cache.size_bytes <= BUDGET_BYTES + max(map(len, texts)) * CHUNK_ROWS * 2


@pytest.mark.parametrize("office", [BUDGET_BYTES], indirect=True)
async def test_mailboxes_leave_memory_in_the_order_in_which_they_were_read(office: Post) -> None:
    names = [f"user{number}" for number in range(10)]
    for name in names:
        office.commit("x" * 500, to=name)
        assert await office.list(name) == ["x" * 500]
    opened = office.readers.count
    assert await office.list(names[-1]) == ["x" * 500]
    assert office.readers.count == opened
    assert await office.list(names[0]) == ["x" * 500]
    assert office.readers.count == opened + 2


@pytest.fixture
async def app(database_url: str, tmp_path: Path, small_chunks: None) -> AsyncIterator[App]:
    async with running(tmp_path / "data", database_url) as app:
        yield app


async def test_every_list_holds_what_was_decided_before_it_while_mail_pours_in(app: App) -> None:
    total, names = 15, ("ann", "bob", "cy", "di")
    sent: list[str] = []
    turns = {name: asyncio.Event() for name in names}

    async def write() -> None:
        for number in range(total):
            for name in names:
                for turn in turns.values():
                    turn.set()
                await send(app, name, [str(number)])
            sent.append(str(number))
        for turn in turns.values():
            turn.set()

    async def read(name: str) -> None:
        while len(sent) < total:
            # Once for each message on its way: one that spins would only keep the writer from the interpreter.
            await turns[name].wait()
            turns[name].clear()
            decided = len(sent)
            rows = await shown(app.mail.rows(name))
            assert rows == [str(number) for number in range(len(rows))]
            assert len(rows) >= decided

    await asyncio.gather(write(), *map(read, names))
    for name in names:
        assert await shown(app.mail.rows(name)) == sent


async def test_a_long_name_weighs_what_it_takes(app: App) -> None:
    name = "n" * 9999
    await shown(app.mail.rows(name))
    assert app.cache.size_bytes > len(name)
