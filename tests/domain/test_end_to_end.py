"""Two people with stock clients, a moderator, and a server that is stopped and killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from bbs_core.app import App
from tests.domain.kit import HERE, hide, post, restore, running
from tests.stock.double import StockClient
from tests.support import BoardProcess

T = TypeVar("T")
POSTS = 30


@pytest.mark.parametrize("end", [BoardProcess.terminate, BoardProcess.kill], ids=["stopped", "killed"])
def test_what_two_people_wrote_is_there_after_a_restart(
    board: BoardProcess, end: Callable[[BoardProcess], object]
) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        for number in range(POSTS):
            ann.post(f"ann {number}")
            bob.post(f"bob {number}")
            ann.dm("bob", f"to bob {number}")
            bob.dm("ann", f"to ann {number}")
        mine, yours = ann.list(), bob.list()
        before = mine if len(mine) > len(yours) else yours
        assert len(before) == 2 * POSTS
        assert ann.listdm() == [f"to ann {number}" for number in range(POSTS)]
        assert bob.listdm() == [f"to bob {number}" for number in range(POSTS)]
    end(board)
    board.restart()
    with board.client("ann") as ann, board.client("bob") as bob, board.client("Ann") as other:
        assert ann.list() == bob.list() == before
        for name in ("ann", "bob"):
            own = [row for row in before if row.startswith(f"{HERE} {name} ")]
            assert own == [f"{HERE} {name} {number}" for number in range(POSTS)]
        assert ann.listdm() == [f"to ann {number}" for number in range(POSTS)]
        assert bob.listdm("listdms") == [f"to bob {number}" for number in range(POSTS)]
        assert other.listdm() == []
        ann.post("after")
        assert bob.list()[:-1] == before or ann.list()[-1] == f"{HERE} after"


@pytest.fixture
async def app(database_url: str, tmp_path: Path, small_chunks: None) -> AsyncIterator[App]:
    async with running(tmp_path / "data", database_url) as app:
        yield app


async def off_the_loop(function: Callable[[], T]) -> T:
    return await asyncio.to_thread(function)


@pytest.mark.parametrize("post_id", [2, 30])
async def test_a_hidden_post_is_gone_from_the_very_next_list_and_comes_back_to_its_place(
    app: App, post_id: int
) -> None:
    texts = [str(number) for number in range(1, 31)]
    await post(app, texts)
    rows = [f"{HERE} {text}" for text in texts]
    client = await off_the_loop(lambda: StockClient(HERE, app.server.port, "ann"))
    with client:
        assert await off_the_loop(client.list) == rows
        await hide(app, post_id)
        assert await off_the_loop(client.list) == [row for row in rows if row != f"{HERE} {post_id}"]
        await restore(app, post_id)
        assert await off_the_loop(client.list) == rows
