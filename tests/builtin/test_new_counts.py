"""The numbers of `/new` are those of the lists, whatever staff do in between, on both databases."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bbs_core import moderation
from bbs_core.errors import BBSError
from bbs_core.store.models import Post
from tests.builtin.kit import DATABASES, optional_board, visit
from tests.effects.kit import act, change
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

SAID = re.compile(
    r"\* Since your last visit: (no|\d+) posts?( \(list leaves out (\d+) earlier\))?, (no|\d+) messages?\."
)
NOTHING = "* Nothing is new since your last visit."
VERBS = {
    "hide": moderation.hide_post,
    "restore": moderation.restore_post,
    "hold": moderation.hold_post,
    "approve": moderation.approve_post,
    "purge": moderation.purge_post,
}
ACTS = st.one_of(
    st.tuples(st.sampled_from([*VERBS]), st.integers(0, 3)),
    st.tuples(st.just("clear"), st.booleans()),
    st.tuples(st.just("window"), st.sampled_from([0, 2, 5])),
)
# What is written, what staff does, and which lists the reader looks at.
ROUNDS = st.lists(
    st.tuples(
        st.tuples(st.integers(0, 3), st.integers(0, 2)),
        st.lists(ACTS, max_size=4),
        st.sampled_from([("list",), ("listdm",), ("list", "listdm")]),
    ),
    min_size=2,
    max_size=4,
)
Round = tuple[tuple[int, int], list[tuple[str, Any]], Sequence[str]]
names = (f"reader {number}" for number in count())


@pytest.fixture(scope="module", params=DATABASES)
def board(request: pytest.FixtureRequest) -> Iterator[LiveBoard]:
    """A board whose rows begin with numbers; `/new` shows none, so that lists alone say what was shown."""
    look = {"post_row": "{id} {text}", "message_row": "{id} {text}"}
    with optional_board(request, board=look, options={"new": {"rows": 0}}) as running:
        yield running


class Reader:
    """One name, what it was shown, and somebody who writes."""

    def __init__(self, board: LiveBoard, writer: StockClient) -> None:
        self._board, self._writer, self._name = board, writer, next(names)
        self._seen = {"list": 0, "listdm": 0}
        self.write((1, 1))
        with visit(board, self._name) as client:
            self._read(client, ("list", "listdm"))

    def act(self, name: str, value: Any) -> None:
        """Act as staff; what cannot be done is passed over."""
        with contextlib.suppress(BBSError):
            if name in VERBS:
                act(self._board, VERBS[name], max(1, self._last_id() - value), "a test")
            elif name == "window":
                change(self._board, {"board.window": value or None})
            elif value:
                act(self._board, moderation.clear_board, self._board.settings, "a test")
            else:
                change(self._board, {"board.archived_through": None})

    def write(self, numbers: tuple[int, int]) -> None:
        """Have so many posts and messages come."""
        for place in range(numbers[0]):
            # Every other post is shown as two rows.
            self._writer.post("a post" if place % 2 else "é" * 6000)
        for _ in range(numbers[1]):
            self._writer.dm(self._name, "a message")
        self._writer.list()

    def look(self, words: Sequence[str]) -> None:
        """Come, ask what is new, and compare it with what these lists show."""
        with visit(self._board, self._name) as client:
            client.post("/new")
            before, in_all = {**self._seen}, self._shown_after(self._seen["list"])
            [notice], rows = self._read(client, words)
            said = SAID.fullmatch(notice)
            assert said or notice == NOTHING
            posts, left_out, messages = map(number, said.group(1, 3, 4)) if said else (0, 0, 0)
            told = {"list": posts, "listdm": messages}
            assert {word: told[word] for word in words} == {
                word: sum(row_id > before[word] for row_id in rows[word]) for word in words
            }
            assert posts + left_out == in_all

    def _read(self, client: StockClient, words: Sequence[str]) -> tuple[list[str], dict[str, list[int]]]:
        """Return the notices, and what each list shows."""
        notices, rows = [], {}
        for word in words:
            found = client.listdm(word)
            notices += [row for row in found if row.startswith("* ")]
            rows[word] = [int(row.split()[0]) for row in found if row.split()[0].isdecimal()]
            self._seen[word] = self._last_id() if word == "list" else max(rows[word], default=0)
        return notices, rows

    def _last_id(self) -> int:
        return self._board.call(lambda: self._board.app.board.last_id)

    def _shown_after(self, seen: int) -> int:
        after = max(seen, self._board.app.settings.board.archived_through)
        query = sa.select(sa.func.count()).select_from(Post).where(Post.state == 0, Post.id > after)
        return self._board.app.access.read(lambda connection: connection.execute(query).scalar_one())


def number(text: str | None) -> int:
    return int(text) if text and text != "no" else 0


# Nothing is shrunk: the board goes on with what was written.
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
@given(rounds=ROUNDS)
def test_what_is_said_agrees_with_the_lists(board: LiveBoard, rounds: list[Round]) -> None:
    with board.client("ann") as ann:
        reader = Reader(board, ann)
        for numbers, acts, words in rounds:
            reader.write(numbers)
            for name, value in acts:
                reader.act(name, value)
            reader.look(words)
