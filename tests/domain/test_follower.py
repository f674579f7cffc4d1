"""What others committed is taken over in order: other nodes' rows, and acts of staff that come close together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core import moderation
from bbs_core.board import Board
from bbs_core.chunks import Cache
from bbs_core.effects import Acts, Effects
from bbs_core.errors import StoreUnavailable
from bbs_core.follower import Follower
from bbs_core.keys import KEY_BYTES
from bbs_core.ledger import Ledger
from bbs_core.mail import Mail
from bbs_core.noticeboard import Noticeboard
from bbs_core.presence import Presence
from bbs_core.rules import Rules
from bbs_core.settings import BoardSettings
from bbs_core.store import engine, reads
from tests.domain.kit import BUDGET_BYTES, HERE, MODERATOR, WAIT_S, HeldReaders, new_message, new_post, shown
from tests.store.kit import Store

LEDGER = Ledger(bytes(KEY_BYTES))
WINDOW = 3


async def unconfigured(acts: Acts) -> None:
    """No setting is changed here."""
    raise AssertionError(acts)


class Node:
    """A node that hears of nothing unless it is told to follow; the rows are committed by someone else."""

    def __init__(self, store: Store, *, shared: bool, window: int = 0) -> None:
        self.store = store
        self.readers = HeldReaders(store.url)
        cache = Cache(BUDGET_BYTES)
        settings = BoardSettings(window=window)
        self.board = Board(settings, None, self.readers, cache)  # type: ignore[arg-type]
        self.mail = Mail(settings, None, self.readers, cache)  # type: ignore[arg-type]
        noticeboard, rules, presence = Noticeboard(self.readers, store.run), Rules(settings), Presence()
        effects = Effects(LEDGER, self.board, self.mail, rules, noticeboard, presence, self.readers, unconfigured)
        self.follower = Follower(self.board, self.mail, noticeboard, effects.apply, self.readers, shared)

    def post(self, *texts: str) -> None:
        self.store.commit([new_post(text) for text in texts])

    def hide(self, post_id: int) -> None:
        def work(connection: sa.Connection) -> None:
            moderation.hide_post(connection, LEDGER, MODERATOR, post_id, "rude")

        self.store.run(work)

    async def list(self) -> list[str]:
        return [row.removeprefix(f"{HERE} ") for row in await shown(self.board.rows())]


@pytest.fixture(params=[False, True], ids=["alone", "shared"])
async def node(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest, small_chunks: None
) -> AsyncIterator[Node]:
    store = Store(engine.database_url(database_url, tmp_path), tmp_path)
    store.writer.start()
    node = Node(store, shared=request.param)
    node.post("1", "2", "3", "4")
    await node.follower.open()
    yield node
    node.readers.close()
    store.close()


async def test_acts_that_are_followed_at_once_do_not_undo_one_another(node: Node) -> None:
    node.hide(1)
    # Hold the answer that has the posts as they are before the second act: the news come first.
    node.readers.held = node.readers.count + 2
    first = asyncio.ensure_future(node.follower.follow())
    await node.readers.keeps_one()
    node.hide(2)
    second = asyncio.ensure_future(node.follower.follow())
    for _ in range(20):  # time enough for the second, if it did not wait for its turn
        await node.readers.read(lambda connection: connection.execute(sa.select(1)))
    node.readers.gate.set()
    await second
    # Whoever acted second is told that it shows, so from here on it does.
    while not first.done():
        assert "2" not in await node.list()
        await asyncio.sleep(0)
    assert await node.list() == ["3", "4"]


async def test_what_could_not_be_read_is_taken_over_the_next_time(node: Node) -> None:
    node.hide(1)
    node.readers.broken = True
    await node.follower.follow()
    node.readers.broken = False
    node.hide(2)
    await node.follower.follow()
    assert await node.list() == ["3", "4"]


@pytest.fixture
async def shared(database_url: str, tmp_path: Path) -> AsyncIterator[Node]:
    store = Store(engine.database_url(database_url, tmp_path), tmp_path)
    store.writer.start()
    node = Node(store, shared=True, window=WINDOW)
    await node.follower.open()
    yield node
    node.readers.close()
    store.close()


async def test_posts_of_other_nodes_and_their_acts_are_taken_over(shared: Node) -> None:
    shared.post("1", "2", "3", "4", "5")
    shared.hide(2)
    shared.hide(5)  # hidden before this node has seen it
    await shared.follower.follow()
    assert await shared.list() == ["1", "3", "4"]
    shared.post("6")
    await shared.follower.follow()
    assert await shared.list() == ["(1 earlier post is not shown.)", "3", "4", "6"]


async def test_a_post_that_is_hidden_while_the_board_is_loaded_is_counted_once(
    shared: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.post("1", "2", "3", "4", "5")
    hidden_posts = reads.hidden_posts

    def meanwhile(connection: sa.Connection, after_id: int) -> int:
        monkeypatch.setattr(reads, "hidden_posts", hidden_posts)
        shared.post("6")
        shared.hide(6)
        return hidden_posts(connection, after_id)

    monkeypatch.setattr(reads, "hidden_posts", meanwhile)
    await shared.follower.open()
    # The post alone, as an act on it would have all that are hidden counted anew.
    shared.board.caught_up(await shared.readers.read(lambda one: reads.posts_after(one, shared.board.last_id, WINDOW)))
    assert await shared.list() == ["(2 earlier posts are not shown.)", "3", "4", "5"]


async def test_messages_of_other_nodes_reach_the_mailbox_that_is_open(shared: Node) -> None:
    assert await shown(shared.mail.rows("bob")) == []
    for text in ("one", "two"):
        shared.store.commit([new_message(text, "bob"), new_message("other", "cy")])
        await shared.follower.follow()
    assert await shown(shared.mail.rows("bob")) == ["one", "two"]


async def test_many_rings_are_answered_by_few_looks(shared: Node) -> None:
    shared.post("1")
    before = shared.readers.count
    for _ in range(100):
        shared.follower.ring()
    await shared.follower.follow()
    assert shared.readers.count - before <= 10
    assert await shared.list() == ["1"]


async def test_a_list_after_a_failed_read_is_an_error_of_that_list_alone(node: Node) -> None:
    await node.list()
    node.post(*map(str, range(5, 30)))
    await node.readers.read(node.board.load)
    node.readers.broken = True
    with pytest.raises(StoreUnavailable):
        await node.list()
    node.readers.broken = False
    assert await node.list() == [str(number) for number in range(1, 30)]


async def test_an_act_that_could_not_be_read_back_is_read_soon_though_nobody_rings(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bbs_core.follower.RETRY_S", 0.01)
    node.hide(4)
    node.readers.broken = True
    await node.follower.follow()
    node.readers.broken = False
    async with asyncio.timeout(WAIT_S):
        while await node.list() != ["1", "2", "3"]:  # noqa: ASYNC110 - no event tells of what nobody asked for
            await asyncio.sleep(0)
