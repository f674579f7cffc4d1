"""Nothing seen is lost: SIGKILL at random moments under load, again and again on the same data.

`make kill-test N=200` does it as often as one likes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.crowd import CORRESPONDENT, Memory, crowd
from tests.support import BoardProcess

MOST_POSTS_BEFORE_A_KILL = 400
# A list grows with every kill, and is read by everyone: a new board now and then keeps a long run quick.
KILLS_OF_A_BOARD = 15
# So many that somebody has surely seen something before one of them.
TELLING_KILLS = 10


@dataclass
class Kept:
    """What a board showed after it was killed, and how much had been seen and promised before."""

    posts: list[str] = field(default_factory=list)
    mail: list[str] = field(default_factory=list)
    lists_seen: int = 0
    posts_promised: int = 0
    mail_seen: int = 0


def check(board: BoardProcess, memory: Memory, kept: Kept) -> Kept:
    """A list shows all rows, oldest first: so each list that was ever read is the beginning of the next one."""
    with board.client("auditor") as auditor, board.client(CORRESPONDENT) as correspondent:
        rows, mail = auditor.list(), correspondent.listdm()
    texts = [row.removeprefix("127.0.0.1 ") for row in rows]
    nothing_lost_doubled_or_moved(texts, rows, [kept.posts, *memory.seen])
    nothing_lost_doubled_or_moved(mail, mail, [kept.mail, *memory.mail_seen])
    assert set(memory.promised) <= set(texts), "a post is lost whose session read the end of the stream after quit"
    return Kept(
        rows,
        mail,
        kept.lists_seen + len(memory.seen),
        kept.posts_promised + len(memory.promised),
        kept.mail_seen + len(memory.mail_seen),
    )


def nothing_lost_doubled_or_moved(texts: list[str], rows: list[str], lists: Sequence[list[str]]) -> None:
    assert len(set(texts)) == len(texts), "a text was doubled"
    for seen in lists:
        assert rows[: len(seen)] == seen, "a row that was seen is lost or has moved"
    own: dict[str, list[tuple[int, ...]]] = {}
    for author, *numbers in map(str.split, texts):
        own.setdefault(author, []).append(tuple(map(int, numbers)))
    for author, sent in own.items():
        assert sent == sorted(sent), f"the texts of {author} are out of order"


def kill_again_and_again(data: Path, database: str, kills: int, moments: random.Random) -> Kept:
    kept = Kept()
    with BoardProcess(data, database, admin_enabled=False, limits_posts_per_second=0) as board:
        for number in range(kills):
            with crowd(board, number) as memory:
                memory.wait_for_posts(moments.randrange(1, MOST_POSTS_BEFORE_A_KILL))
                board.kill()
            board.restart()
            kept = check(board, memory, kept)
    return kept


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kills = metafunc.config.getoption("kills")
    rounds = [min(KILLS_OF_A_BOARD, kills - done) for done in range(0, kills, KILLS_OF_A_BOARD)]
    metafunc.parametrize(("board_number", "kills"), list(enumerate(rounds)))


def test_every_row_that_was_seen_survives_being_killed(
    tmp_path: Path, database_url: str, request: pytest.FixtureRequest, board_number: int, kills: int
) -> None:
    moments = random.Random(f"{request.config.getoption('kill_seed')} {board_number}")
    kept = kill_again_and_again(tmp_path / "data", database_url, kills, moments)
    if kills >= TELLING_KILLS:
        assert kept.lists_seen
        assert kept.posts_promised
        assert kept.mail_seen
