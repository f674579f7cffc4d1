"""A shelf whose rows are read slowly: loads are shared, failures pass, and a list is as long as it said."""

from __future__ import annotations

import asyncio
import gc
from array import array

import pytest

from bbs_core import shelf as shelf_module
from bbs_core.chunks import Cache, Chunk
from bbs_core.errors import StoreUnavailable
from bbs_core.rows import frames
from bbs_core.rows import texts as texts_of
from bbs_core.shelf import Shelf
from bbs_core.snapshots import UNREADABLE_FRAME, WITHDRAWN_FRAME, Reading, Snapshot, everything, newest

CHUNK_ROWS = 4
ROOMY_BYTES = 1_000_000
WAIT_S = 10
LONG = "x" * 25_000  # three frames
(WITHDRAWN,), (UNREADABLE,) = map(texts_of, (WITHDRAWN_FRAME, UNREADABLE_FRAME))


class Source:
    """Rows as a database keeps them; each read waits for the gate and may find it out of order."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.hidden: set[int] = set()
        self.reads: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._asked = asyncio.Event()
        self.broken = False

    async def is_asked(self) -> None:
        """Wait until a read has begun."""
        async with asyncio.timeout(WAIT_S):
            while not self.reads:
                self._asked.clear()
                await self._asked.wait()

    async def load(self, low: int, high: int) -> Chunk:
        self.reads.append(low)
        chunk = Chunk()
        for row_id in range(low, min(high, len(self.texts) + 1)):
            if row_id not in self.hidden:
                chunk.add(row_id, frames(self.texts[row_id - 1]))
            chunk.last_id = row_id
        self._asked.set()
        await self.gate.wait()
        if self.broken:
            raise StoreUnavailable("away")
        return chunk


async def open_shelf(source: Source, budget_bytes: int = ROOMY_BYTES) -> Shelf:
    starts = array("q", range(1, max(len(source.texts), 1) + 1, CHUNK_ROWS))
    shelf = Shelf(Cache(budget_bytes), source.load, starts, await source.load(starts[-1], 1 << 62))
    source.reads.clear()
    return shelf


async def shown(snapshot: Snapshot) -> list[str]:
    rows = [text async for text in snapshot.texts()]
    assert len(rows) == len(snapshot)
    return rows


async def read(reading: Reading, limit_bytes: int, got: list[str]) -> bool:
    """Read one pack; returns whether it is the last."""
    pack = bytearray()
    done = await reading.fill(pack, limit_bytes)
    rows = list(texts_of(pack))
    assert len(pack) <= limit_bytes or len(rows) <= 1
    got += rows
    return done


def numbered(count: int) -> list[str]:
    return [f"row {number}" for number in range(1, count + 1)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "CHUNK_ROWS", CHUNK_ROWS)


@pytest.fixture
def source() -> Source:
    return Source(*numbered(10))


async def test_a_chunk_is_read_once_however_many_ask_for_it(source: Source) -> None:
    shelf = await open_shelf(source)
    source.gate.clear()
    asked = [asyncio.ensure_future(everything(shelf)) for _ in range(5)]
    await asyncio.sleep(0)
    asked[0].cancel()  # the first to ask has left
    source.gate.set()
    for snapshot in await asyncio.gather(*asked[1:]):
        assert await shown(snapshot) == numbered(10)
    assert source.reads == [1, 5]
    await everything(shelf)
    assert source.reads == [1, 5]


async def test_a_chunk_without_rows_is_read_once_too(source: Source) -> None:
    source.hidden = {1, 2, 3, 4}
    shelf = await open_shelf(source)
    for _ in range(3):
        assert await shown(await everything(shelf)) == numbered(10)[4:]
    assert source.reads == [1, 5]


async def test_a_read_that_failed_is_tried_again_by_the_next_list(source: Source) -> None:
    shelf = await open_shelf(source)
    source.broken = True
    with pytest.raises(StoreUnavailable):
        await everything(shelf)
    source.broken = False
    assert await shown(await everything(shelf)) == numbered(10)


async def test_a_chunk_that_nobody_waited_for_is_kept_in_the_budget(source: Source) -> None:
    shelf = await open_shelf(source, budget_bytes=1)
    source.gate.clear()
    asked = asyncio.ensure_future(shelf.chunk(0))
    await asyncio.sleep(0)
    asked.cancel()
    source.gate.set()
    await shelf.chunk(1)  # takes the place of the first one
    source.reads.clear()
    await shelf.chunk(0)
    assert source.reads == [1]


async def test_a_row_hidden_during_a_read_is_not_in_the_next_list(source: Source) -> None:
    shelf = await open_shelf(source)
    source.gate.clear()
    early = asyncio.ensure_future(everything(shelf))
    await source.is_asked()
    source.hidden = {2}
    await shelf.reload([2])
    source.gate.set()
    await early
    assert await shown(await everything(shelf)) == [text for text in numbered(10) if text != "row 2"]


async def test_acts_on_many_rows_read_each_chunk_once(source: Source) -> None:
    shelf = await open_shelf(source)
    await everything(shelf)
    source.reads.clear()
    source.hidden = {1, 2, 9, 10}
    await shelf.reload([1, 2, 9, 10])
    assert await shown(await everything(shelf)) == numbered(8)[2:]
    assert source.reads == [9, 1]


async def test_posts_that_come_during_a_reload_of_the_newest_chunk_stay(source: Source) -> None:
    shelf = await open_shelf(source)
    source.gate.clear()
    source.hidden = {9}
    reload = asyncio.ensure_future(shelf.reload([9]))
    await source.is_asked()
    source.texts.append("row 11")
    shelf.add(11, frames("row 11"))
    source.gate.set()
    await reload
    assert await shown(await everything(shelf)) == [*numbered(8), "row 10", "row 11"]


async def test_the_newest_chunk_may_be_full_before_its_reload_is_done(source: Source) -> None:
    shelf = await open_shelf(source)
    source.gate.clear()
    source.hidden = {9}
    reload = asyncio.ensure_future(shelf.reload([9]))
    await source.is_asked()
    for number in range(11, 15):
        source.texts.append(f"row {number}")
        shelf.add(number, frames(f"row {number}"))
    source.gate.set()
    await reload
    assert await shown(await everything(shelf)) == [text for text in numbered(14) if text != "row 9"]


async def test_a_row_is_added_once_though_a_read_found_it_first(source: Source) -> None:
    shelf = await open_shelf(source)
    source.texts.append("row 11")
    await shelf.reload([10])
    shelf.add(11, frames("row 11"))
    assert await shown(await everything(shelf)) == numbered(11)


async def test_a_list_under_way_keeps_its_count(source: Source) -> None:
    source.texts[1] = LONG
    shelf = await open_shelf(source)
    snapshots = [await everything(shelf) for _ in range(3)]
    assert len(snapshots[0]) == 12
    source.hidden = {2, 10}
    await shelf.reload([2, 10])
    rows = await shown(snapshots[0])
    assert rows == ["row 1", "row 3", "row 4", *[WITHDRAWN] * 3, *numbered(9)[4:], WITHDRAWN]
    source.hidden = set()
    await shelf.reload([10, 2])
    assert await shown(snapshots[1]) == await shown(await everything(shelf))
    await shelf.reload([2])  # so that it has to be read again
    source.broken = True
    assert await shown(snapshots[2]) == [*[UNREADABLE] * 6, *numbered(10)[4:]]


async def test_a_window_under_way_keeps_its_count_though_less_is_left_than_it_left_out(source: Source) -> None:
    shelf = await open_shelf(source)
    window = await newest(shelf, 3)
    source.hidden = {5, 6}
    await shelf.reload([5, 6])
    assert await shown(window) == ["row 8", "row 9", "row 10"]
    source.hidden = {5, 6, 7, 8}
    await shelf.reload([7, 8])
    assert await shown(window) == [WITHDRAWN, "row 9", "row 10"]


@pytest.mark.parametrize("room_bytes", [0, 25])
async def test_rows_that_come_back_during_a_list_push_out_none_of_the_newest(source: Source, room_bytes: int) -> None:
    source.hidden = {6, 9}
    shelf = await open_shelf(source)
    reading = Reading(await everything(shelf))
    got: list[str] = []
    done = await read(reading, room_bytes, got)
    source.hidden = set()
    await shelf.reload([6, 9])
    while not done:
        done = await read(reading, room_bytes, got)
    assert got == ["row 1", "row 2", "row 3", "row 4", "row 6", "row 7", "row 8", "row 10"]


async def test_a_list_goes_on_behind_what_it_sent_though_rows_before_that_are_hidden(source: Source) -> None:
    shelf = await open_shelf(source)
    reading = Reading(await everything(shelf))
    got: list[str] = []
    for _ in range(2):
        assert not await read(reading, 0, got)
    source.hidden = {1, 2}
    await shelf.reload([1])
    while not await read(reading, 0, got):
        pass
    assert got == numbered(10)


async def test_a_reader_that_stops_keeps_no_chunk(source: Source) -> None:
    shelf = await open_shelf(source)
    reading = Reading(await everything(shelf))
    assert not await read(reading, 0, [])
    chunk = await shelf.chunk(0)
    await shelf.reload([1])
    assert gc.get_referrers(chunk) == []


@pytest.mark.parametrize("count", range(1, 16))
async def test_the_newest_rows_are_whole_and_touch_no_more_chunks_than_hold_them(source: Source, count: int) -> None:
    source.texts[6] = LONG
    shelf = await open_shelf(source)
    rows = await shown(await newest(shelf, count))
    every = await shown(await everything(shelf))
    assert len(every) == 12
    assert rows == every[len(every) - len(rows) :]
    # Two frames less where the row of three would be shown in part.
    whole = {4: 3, 5: 3}.get(count, min(count, 12))
    assert len(rows) == whole


async def test_a_few_newest_rows_read_no_older_chunk(source: Source) -> None:
    shelf = await open_shelf(source)
    await shown(await newest(shelf, 2))
    assert source.reads == []
    await shown(await newest(shelf, 4))
    assert source.reads == [5]


async def test_what_was_shelved_is_given_back(source: Source) -> None:
    cache = Cache(ROOMY_BYTES)
    shelf = Shelf(cache, source.load, array("q", [1]), Chunk())
    for number, text in enumerate(numbered(10), start=1):
        shelf.add(number, frames(text))
    assert cache.size_bytes
    shelf.clear()
    assert cache.size_bytes == 0
