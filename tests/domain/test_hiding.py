"""A post that is hidden is gone from the very next list, and one that is restored stands in its old place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core import ledger, moderation
from bbs_core.app import App
from bbs_core.errors import BBSError, Conflict, InvalidAct, NotFound
from bbs_core.settings import BoardSettings
from bbs_core.store.staff_models import Act
from tests.domain.kit import CHUNK_ROWS, HERE, MODERATOR, hide, post, restore, running, shown, write
from tests.stock.model import left_out_row

POSTS = 4 * CHUNK_ROWS + 3


@pytest.fixture
async def app(database_url: str, tmp_path: Path, small_chunks: None) -> AsyncIterator[App]:
    async with running(tmp_path / "data", database_url) as app:
        await post(app, [str(number) for number in range(1, POSTS + 1)])
        yield app


def numbers(rows: list[str]) -> list[int]:
    return [int(row.removeprefix(f"{HERE} ")) for row in rows]


async def listed(app: App) -> list[int]:
    return numbers(await shown(app.board.rows()))


@pytest.mark.parametrize("post_id", [1, CHUNK_ROWS, CHUNK_ROWS + 1, POSTS - 1, POSTS])
async def test_a_hidden_post_is_gone_and_comes_back_to_its_place(app: App, post_id: int) -> None:
    every = list(range(1, POSTS + 1))
    assert await listed(app) == every
    await hide(app, post_id)
    assert await listed(app) == [number for number in every if number != post_id]
    await restore(app, post_id)
    assert await listed(app) == every


async def test_a_window_says_how_many_posts_it_leaves_out(
    database_url: str, tmp_path: Path, small_chunks: None
) -> None:
    async with running(tmp_path / "data", database_url, BoardSettings(window=3)) as app:
        await post(app, ["1", "2", "3"])
        assert numbers(await shown(app.board.rows())) == [1, 2, 3]
        await post(app, [str(number) for number in range(4, POSTS + 1)])
        left = list(range(1, POSTS + 1))
        for act, post_id in [(hide, 1), (hide, POSTS), (hide, CHUNK_ROWS), (restore, 1), (restore, POSTS)]:
            await act(app, post_id)
            left = sorted({*left} ^ {post_id})
            lead, *rows = await shown(app.board.rows())
            assert lead == left_out_row(len(left) - 3)
            assert numbers(rows) == left[-3:]


async def test_a_window_that_leaves_nothing_out_never_says_so(
    database_url: str, tmp_path: Path, small_chunks: None
) -> None:
    async with running(tmp_path / "data", database_url, BoardSettings(window=200)) as app:
        await post(app, ["1", "2", "3"])
        for act in (hide, restore):
            acting = asyncio.ensure_future(act(app, 2))
            while not acting.done():
                assert len(await shown(app.board.rows())) <= 3
                assert (await app.board.rows().snapshot()).lead is None
            await acting


async def test_many_moderators_and_authors_at_once(app: App) -> None:
    """Each looks at the list the moment that its own act has returned; it may lack rows that others act on."""

    async def act_on(post_id: int) -> None:
        await hide(app, post_id)
        assert f"{HERE} {post_id}" not in await shown(app.board.rows())
        if post_id % 2:
            await restore(app, post_id)

    async def write_on(number: int) -> None:
        await post(app, [str(number)])

    await asyncio.gather(*map(act_on, range(1, POSTS + 1)), *map(write_on, range(1001, 1041)))
    rows = await listed(app)
    assert rows[: POSTS // 2 + 1] == [number for number in range(1, POSTS + 1) if number % 2]
    assert sorted(rows[POSTS // 2 + 1 :]) == list(range(1001, 1041))


async def test_more_acts_than_are_followed_at_a_time_show_at_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "ACT_LIMIT", 4)

    def hide_all_but_one(connection: sa.Connection) -> None:
        for post_id in range(1, POSTS):
            moderation.hide_post(connection, app.ledger, MODERATOR, post_id, "flood")

    await write(app, hide_all_but_one)
    assert await listed(app) == [POSTS]


@pytest.mark.parametrize(
    ("post_id", "reason", "error"),
    [
        (POSTS + 1, "rude", NotFound),
        (-1, "rude", NotFound),
        (2, "rude", Conflict),
        (1, " \t\n", InvalidAct),
        (1, "x" * 501, InvalidAct),
    ],
)
async def test_an_act_that_is_refused_changes_nothing(
    app: App, post_id: int, reason: str, error: type[BBSError]
) -> None:
    await hide(app, 2)
    before = await listed(app)
    with pytest.raises(error, match=r"^[^\n]+\.$"):
        await write(app, lambda c: moderation.hide_post(c, app.ledger, MODERATOR, post_id, reason))
    assert await listed(app) == before
    acts = await asyncio.to_thread(app.access.read, lambda c: c.execute(sa.select(Act.action)).scalars().all())
    assert acts == ["post.hide"]


async def test_a_post_may_be_hidden_in_the_batch_that_brings_it(app: App) -> None:
    """The act waits in the queue behind its post, and both are one commit."""
    await post(app, ["1001"])
    post_id = POSTS + 2

    def hide_it(connection: sa.Connection) -> int:
        return moderation.hide_post(connection, app.ledger, MODERATOR, post_id, "rude")

    posting = asyncio.ensure_future(post(app, ["1002", "1003"]))
    await asyncio.sleep(0)
    await asyncio.wrap_future(app.writer.call(hide_it))
    await posting
    assert await listed(app) == [*range(1, POSTS + 1), 1001, 1003]
