"""A console on each store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.support import Board, Browser, open_board


@pytest.fixture
def board(tmp_path: Path, database_url: str) -> Iterator[Board]:
    """A board with its console, once on each database."""
    with open_board(tmp_path / "data", database_url) as opened:
        yield opened


@pytest.fixture
def sqlite_board(tmp_path: Path) -> Iterator[Board]:
    """A board with its console, for what has nothing to do with the database."""
    with open_board(tmp_path / "data", "") as opened:
        yield opened


@pytest.fixture
def browser(board: Board) -> Browser:
    """A browser in which the owner, olga, is signed in."""
    board.staff()
    visitor = Browser(board)
    visitor.enter()
    return visitor
