"""The board in memory against a plain list: posts, acts, lists under way, evictions and restarts, in any order."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bbs_core.chunks import CHUNK_OVERHEAD_BYTES
from bbs_core.rows import texts as texts_of
from bbs_core.settings import BoardSettings
from bbs_core.snapshots import WITHDRAWN_FRAME, Reading, Snapshot
from tests.domain.kit import BUDGET_BYTES, CHUNK_ROWS, HERE, hide, post, restore, running, send, shown
from tests.stock.model import left_out_row
from tests.support import SOAK, fresh_postgres_database

FRAME_BYTES = 9999
ROOM_BYTES = 300
LONG = "x" * 25_000
[WITHDRAWN] = texts_of(WITHDRAWN_FRAME)
BIGGEST_CHUNK_BYTES = CHUNK_OVERHEAD_BYTES + 2 * CHUNK_ROWS * (len(LONG) + 100)
NewDatabase = Callable[[], AbstractContextManager[str]]

some_texts = st.lists(st.sampled_from(["a", "", "b" * 200, LONG]), min_size=1, max_size=12)
some_names = st.sampled_from(["ann", "Ann", "", "bob", "cy", "di"])
picks = st.integers(0, 10_000)


@dataclass
class Row:
    text: str
    hidden: bool = False


@dataclass
class UnderWay:
    """A list that has begun: what it promised and how far it is."""

    expected: list[str]
    reading: Reading
    got: list[str]
    disturbed: bool = False
    newest_disturbed: bool = False


def frames(row: str) -> list[str]:
    """Cut an ASCII row."""
    return [row[start : start + FRAME_BYTES] for start in range(0, len(row), FRAME_BYTES)] or [""]


class BoardMachine(RuleBasedStateMachine):
    """What is done to a board and to a list of rows alike."""

    new_database: NewDatabase

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.around = ExitStack()
        self.data = Path(self.around.enter_context(tempfile.TemporaryDirectory()))
        self.database = self.around.enter_context(type(self).new_database())
        self.posts: list[Row] = []
        self.mail: dict[str, list[str]] = {}
        self.lists: list[UnderWay] = []
        self.window = 0

    @initialize()
    def start(self) -> None:
        self.running = running(self.data, self.database, BoardSettings(window=self.window))
        self.app = self.loop.run(self.running.__aenter__())

    def stop(self) -> None:
        self.lists.clear()
        self.loop.run(self.running.__aexit__(None, None, None))

    def teardown(self) -> None:
        self.stop()
        self.loop.close()
        self.around.close()

    def rows(self) -> list[str]:
        """Return what a list must show now."""
        visible = [frames(f"{HERE} {row.text}") for row in self.posts if not row.hidden]
        if not self.window:
            return [frame for row in visible for frame in row]
        kept: list[str] = []
        left_out = len(visible)
        while left_out and len(kept) + len(visible[left_out - 1]) <= self.window:
            left_out -= 1
            kept = visible[left_out] + kept
        return [left_out_row(left_out), *kept] if left_out else kept

    @rule(texts=some_texts)
    def post(self, texts: list[str]) -> None:
        # No two rows are alike, nor are their ends.
        numbered = [f"{number} {text} {number}" for number, text in enumerate(texts, start=len(self.posts))]
        self.loop.run(post(self.app, numbered))
        self.posts += map(Row, numbered)

    @rule(name=some_names, texts=some_texts)
    def send(self, name: str, texts: list[str]) -> None:
        self.loop.run(send(self.app, name, texts))
        self.mail.setdefault(name, []).extend(texts)

    @precondition(lambda self: self.posts)
    @rule(pick=picks)
    def hide_or_restore(self, pick: int) -> None:
        post_id = pick % len(self.posts) + 1
        row = self.posts[post_id - 1]
        self.loop.run((restore if row.hidden else hide)(self.app, post_id))
        row.hidden = not row.hidden
        for under_way in self.lists:
            under_way.disturbed = True
            under_way.newest_disturbed |= frames(f"{HERE} {row.text}")[-1:] == under_way.expected[-1:]

    @rule()
    def list(self) -> None:
        assert self.loop.run(shown(self.app.board.rows())) == self.rows()

    @rule(name=some_names)
    def listdm(self, name: str) -> None:
        expected = [frame for text in self.mail.get(name, []) for frame in frames(text)]
        assert self.loop.run(shown(self.app.mail.rows(name))) == expected

    @rule()
    def begin_a_list(self) -> None:
        snapshot = self.loop.run(self._snapshot())
        self.lists.append(UnderWay(self.rows(), Reading(snapshot), []))
        assert len(snapshot) == len(self.lists[-1].expected)

    async def _snapshot(self) -> Snapshot:
        return await self.app.board.rows().snapshot()

    @precondition(lambda self: self.lists)
    @rule(pick=picks, parts=st.integers(1, 3))
    def go_on_with_a_list(self, pick: int, parts: int) -> None:
        under_way = self.lists[pick % len(self.lists)]
        for _ in range(parts):
            if not self.loop.run(self._go_on(under_way)):
                self.lists.remove(under_way)
                break

    @precondition(lambda self: self.lists)
    @rule()
    def end_a_list(self) -> None:
        under_way = self.lists.pop(0)
        while self.loop.run(self._go_on(under_way)):
            pass

    async def _go_on(self, under_way: UnderWay) -> bool:
        """Take a pack; at the end compare what was shown with what was promised."""
        pack = bytearray()
        done = await under_way.reading.fill(pack, ROOM_BYTES)
        rows = list(texts_of(pack))
        hidden = {f"{HERE} {row.text}"[:FRAME_BYTES] for row in self.posts if row.hidden}
        assert not hidden.intersection(rows)
        under_way.got += rows
        if not done:
            return True
        assert len(under_way.got) == len(under_way.expected)
        if not under_way.disturbed:
            assert under_way.got == under_way.expected
        if under_way.expected and not under_way.newest_disturbed:
            assert [row for row in under_way.got if row != WITHDRAWN][-1] == under_way.expected[-1]
        assert under_way.disturbed or WITHDRAWN not in under_way.got
        return False

    @rule(window=st.sampled_from([0, 0, 1, 5, 20]))
    def restart(self, window: int) -> None:
        self.stop()
        self.window = window
        self.start()

    @invariant()
    def memory_is_bounded(self) -> None:
        if hasattr(self, "app"):
            assert self.app.cache.size_bytes <= BUDGET_BYTES + BIGGEST_CHUNK_BYTES


def check(new_database: NewDatabase, examples: int) -> None:
    machine: Any = type("Machine", (BoardMachine,), {"new_database": staticmethod(new_database)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.usefixtures("small_chunks")
def test_the_board_equals_a_list_of_rows_on_sqlite() -> None:
    check(lambda: nullcontext(""), examples=12 * SOAK)


@pytest.mark.usefixtures("small_chunks")
def test_the_board_equals_a_list_of_rows_on_postgresql(postgres_url: str) -> None:
    check(lambda: fresh_postgres_database(postgres_url), examples=5 * SOAK)
