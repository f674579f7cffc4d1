"""Long lists walked page by page while users come and go: nobody twice, and nobody left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from bbs_core.accounts import SORTS
from bbs_core.clock import now_ms
from bbs_core.store.items import Departure, Visit
from bbs_core.store.models import LiveSession, User
from tests.console.crowded import SCHOOL, fill_users
from tests.console.support import Board

API = "/api/v1"
# Every third name of these was only written to, and is in no list.
NAMES, VISITORS = 15_000, 10_000
ON_LINE = 1000
COMING = 200
Step = Callable[[], object]
NOBODY: Iterator[Step] = iter(())


@pytest.fixture(scope="module")
def token(shared_board: Board) -> str:
    """A token for a board of ten thousand visitors."""
    shared_board.run(lambda connection: fill_users(connection, NAMES))
    return shared_board.token()


def walk(board: Board, path: str, token: str, steps: Iterator[Step] = NOBODY, after_each: int = 0) -> list[int]:
    """Return the ids in a list, by the links of its pages.

    `after_each` page so many of the steps are taken: the writer's thread commits them while the next page is read.
    """
    found: list[int] = []
    following: str | None = API + path
    while following:
        answer = board.api("GET", following, token)
        assert answer.status == 200
        found += [item["id"] for item in answer.json["items"]]
        following = answer.headers["Link"].removeprefix("<").partition(">")[0] if "Link" in answer.headers else None
        for step in islice(steps, after_each):
            step()
    assert next(steps, None) is None
    return found


def visitors(board: Board) -> dict[int, str]:
    """Return all who have visited, by id."""
    query = sa.select(User.id, User.name).where(User.first_visit_at_ms.is_not(None))
    return {row.id: row.name for row in board.access.read(lambda c: c.execute(query).all())}


def come_and_go(board: Board, name: str) -> None:
    visit = Visit(name, SCHOOL, now_ms())
    board.writer.put(visit)
    board.writer.put(Departure(visit.session_id))


@pytest.mark.parametrize("sort", SORTS)
def test_a_walk_of_ten_thousand_users_shows_each_once_while_200_come_and_go(
    shared_board: Board, token: str, sort: str
) -> None:
    there = visitors(shared_board)
    assert len(there) >= VISITORS
    # Half of those who come are new, and half were here; these stand everywhere in the list.
    returning = dict(list(there.items())[:: len(there) // (COMING // 2)][: COMING // 2])
    names = [name for old in returning.values() for name in (old, f"new of {sort} {old}")]
    since = quote(datetime.now(UTC).isoformat())

    steps = (lambda name=name: come_and_go(shared_board, name) for name in names)
    seen = walk(shared_board, f"/users?limit=200&sort={sort}", token, steps, after_each=5)

    assert len(seen) == len(set(seen))
    missing = there.keys() - set(seen)
    if sort == "last_visit":
        # Whoever comes moves to the front of this order, which the walk has passed, and is found there afterwards.
        assert missing <= returning.keys()
        assert missing <= set(walk(shared_board, f"/users?limit=200&seen_since={since}", token))
    else:
        assert not missing


@pytest.mark.parametrize("path", ["/users?online=true&limit=100", "/sessions?limit=100"])
def test_a_walk_of_who_is_on_line_shows_each_once_while_200_come_and_go(
    shared_board: Board, token: str, path: str
) -> None:
    users = list(visitors(shared_board))[:ON_LINE]
    rows = [
        {"id": number << 40, "node": "", "user_id": number, "address": SCHOOL, "opened_at_ms": 0} for number in users
    ]
    shared_board.run(lambda c: (c.execute(sa.delete(LiveSession)), c.execute(sa.insert(LiveSession), rows)))
    leaving = rows[:: 2 * ON_LINE // COMING]
    going = [Departure(number << 40) for number in users[:: 2 * ON_LINE // COMING]]
    coming = [Visit(f"newcomer {row['id']}", SCHOOL, now_ms()) for row in leaving]

    steps = (
        lambda item=item: shared_board.writer.put(item) for pair in zip(coming, going, strict=True) for item in pair
    )
    seen = walk(shared_board, path, token, steps, after_each=2 * COMING * 100 // ON_LINE)

    assert len(seen) == len(set(seen))
    column = "id" if path.startswith("/sessions") else "user_id"
    stayed = {row[column] for row in rows} - {row[column] for row in leaving}
    assert len(stayed) == ON_LINE - COMING // 2
    assert stayed <= set(seen)
