"""`/report`: users ask the staff to look at a row that they were shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core import moderation, reports
from bbs_core.errors import NotFound
from bbs_core.store.models import User
from bbs_core.store.staff_models import Report
from tests.effects.kit import act, change
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

THANKS = "* Thank you. The staff will look at it."
NOT_SHOWN = "* None of the newest rows that you were shown has these words."


@pytest.fixture
def board(tmp_path: Path, database_url: str) -> Iterator[LiveBoard]:
    """A board on which users report, once on each database."""
    plugins = {"enabled": ["report"]}
    with LiveBoard(tmp_path, server={"database": database_url}, plugins=plugins) as running:
        yield running


def reported(board: LiveBoard) -> list[tuple[str, int, str]]:
    """Return what was reported, in which words."""
    query = sa.select(Report.kind, Report.target_id, Report.words).order_by(Report.id)
    return [(kind, target_id, words) for kind, target_id, words in board.app.access.write(lambda c: c.execute(query))]


def answer(client: StockClient) -> list[str]:
    """Return the notices of the next list."""
    return [row for row in client.list() if row.startswith("* ")]


def test_the_newest_row_with_the_words_is_reported(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        for text in ("You are a FOOL, bob", "a fool again", "good morning"):
            ann.post(text)
        ann.list()
        bob.list()
        bob.post("/report You are a fool")
        assert answer(bob) == [THANKS]
        bob.post("/report fool")
        assert answer(bob) == [THANKS]
        assert reported(board) == [("post", 1, "You are a fool"), ("post", 2, "fool")]


def test_a_row_that_came_after_the_last_list_is_not_meant(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        bob.post("/report fool")
        assert answer(bob) == [NOT_SHOWN]
        ann.post("a fool")
        ann.list()
        bob.post("/report fool")
        assert answer(bob) == [NOT_SHOWN]
        assert reported(board) == []


def test_a_hidden_row_is_found_no_more(board: LiveBoard) -> None:
    with board.client("bob") as bob:
        bob.post("an old fool")
        bob.post("a fool")
        bob.list()
        act(board, moderation.hide_post, 2, "rude")
        bob.post("/report fool")
        assert answer(bob) == [THANKS]
        assert reported(board) == [("post", 1, "fool")]


def test_a_message_is_reported_by_its_row(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        for to, text in (("bob", "hello"), ("cat", "psst"), ("bob", "☕" * 4000), ("bob", "you fool")):
            ann.dm(to, text)
        ann.list()
        # A message that takes two rows is reported by either.
        assert len(bob.listdm()) == 4
        for place in ("2", "4"):
            bob.post(f"/report dm {place}")
            assert answer(bob) == [THANKS]
        bob.post("/report dm 3")
        assert answer(bob) == ["* You have reported this already."]
        assert reported(board) == [("message", 3, ""), ("message", 4, "")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("dm 1", "* Your last listdm had no row 1."),
        ("dm 0", "* Your last listdm had no row 0."),
        ("dm " + "9" * 5000, "* Your last listdm had no row 999999999."),
        ("dm", NOT_SHOWN),
        ("", "* Usage: /report <words…>"),
    ],
)
def test_what_was_not_shown_cannot_be_reported(board: LiveBoard, typed: str, said: str) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.dm("bob", "hello")
        ann.list()
        bob.post(f"/report {typed}")
        assert answer(bob) == [said]
        assert reported(board) == []


def test_nobody_floods_the_queue(board: LiveBoard) -> None:
    with board.client("bob") as bob:
        for number in range(reports.OPEN_LIMIT + 1):
            bob.post(f"row <{number}>")
        bob.list()
        for number in range(reports.OPEN_LIMIT + 1):
            bob.post(f"/report <{number}>")
        assert answer(bob)[-1] == "* You have reported much already: wait until the staff has looked at it."
        assert len(reported(board)) == reports.OPEN_LIMIT


def test_a_message_between_others_cannot_be_reported(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("cat"):
        ann.dm("bob", "a secret")
        ann.list()

        def report(connection: sa.Connection) -> int:
            user_id = connection.execute(sa.select(User.id).where(User.name == "cat")).scalar_one()
            return reports.report(connection, "message", 1, user_id, "")

        with pytest.raises(NotFound):
            board.app.access.write(report)


def test_the_original_takes_it_for_a_post_and_the_community_has_it(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("/report fool")
        assert ann.list() == ["127.0.0.1 /report fool"]
        change(board, {"server.preset": "community"})
        ann.list()
        ann.post("/report fool")
        assert ann.list() == ["ann: /report fool", THANKS]
        change(board, {"server.preset": None})
        ann.post("/report fool")
        assert ann.list() == ["127.0.0.1 /report fool"] * 2
