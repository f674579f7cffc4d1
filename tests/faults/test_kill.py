"""Nothing seen is lost: SIGKILL at random moments under load, again and again on the same data.

`make kill-test N=200` does it as often as one likes.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.crowd import Memory, crowd
from tests.support import BoardProcess

MOST_POSTS_BEFORE_A_KILL = 400


def check(board: BoardProcess, memory: Memory) -> int:
    """A list shows all rows, oldest first: so each list that was ever read is the beginning of the next one."""
    with board.client("auditor") as auditor:
        rows = auditor.list()
    texts = [row.removeprefix("127.0.0.1 ") for row in rows]
    assert len(set(texts)) == len(texts), "a post was doubled"
    for seen in memory.seen:
        assert rows[: len(seen)] == seen, "a row that was seen is lost or has moved"
    assert set(memory.promised) <= set(texts), "a post whose session had ended in order is lost"
    for author in {text.split()[0] for text in texts}:
        own = [tuple(map(int, text.split()[1:])) for text in texts if text.split()[0] == author]
        assert own == sorted(own), f"the posts of {author} are out of order"
    return len(rows)


def test_every_row_that_was_seen_survives_being_killed(
    tmp_path: Path, database_url: str, request: pytest.FixtureRequest
) -> None:
    moments = random.Random(request.config.getoption("kill_seed"))
    memory, kept = Memory(), 0
    with BoardProcess(tmp_path / "data", database_url, admin_enabled=False, limits_posts_per_second=0) as board:
        for number in range(request.config.getoption("kills")):
            with crowd(board, number) as memory:
                memory.wait_for_posts(moments.randrange(1, MOST_POSTS_BEFORE_A_KILL))
                board.kill()
            board.restart()
            rows = check(board, memory)
            assert rows >= kept
            kept = rows
        assert memory.seen or memory.promised or kept
