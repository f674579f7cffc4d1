"""A class is never throttled: 40 people behind one address, five posts a second each, for 30 seconds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from bbs_core.allowance import Allowance
from bbs_core.settings import LimitSettings
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard, requests

PEOPLE = 40
POSTS_PER_SECOND = 5
SECONDS = 30
POSTS_EACH = POSTS_PER_SECOND * SECONDS
TIMEOUT_S = 60


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the server has made a post wait, each time that it did; it waits no longer here."""
    waited: list[float] = []
    take = Allowance.take

    def noted(allowance: Allowance, limits: LimitSettings) -> float:
        if seconds := take(allowance, limits):
            waited.append(seconds)
        return 0.0

    monkeypatch.setattr(Allowance, "take", noted)
    return waited


def attend(board: LiveBoard, name: str, everyone: threading.Barrier) -> None:
    """Post all that five a second come to, as fast as one can: a slower pace is only easier on the limits."""
    with StockClient("127.0.0.1", board.port, name, timeout_s=TIMEOUT_S) as client:
        everyone.wait(TIMEOUT_S)
        for number in range(POSTS_EACH):
            client.post(f"{name} {number}")
        # The end of the stream says that all is kept.
        assert client.quit_and_wait_eof() == b""


def test_nobody_in_a_class_is_delayed_refused_or_lost(tmp_path: Path, database_url: str, waits: list[float]) -> None:
    names = [f"person{number}" for number in range(PEOPLE)]
    everyone = threading.Barrier(PEOPLE)
    with (
        LiveBoard(tmp_path, server={"database": database_url}) as board,
        ThreadPoolExecutor(PEOPLE) as pool,
        StockClient("127.0.0.1", board.port, "teacher", timeout_s=TIMEOUT_S) as teacher,
    ):
        list(pool.map(lambda name: attend(board, name, everyone), names))
        rows = teacher.list()
        counts = board.call(lambda: board.app.counts)
    expected = {name: [f"127.0.0.1 {name} {number}" for number in range(POSTS_EACH)] for name in names}
    assert {name: [row for row in rows if row.split()[1] == name] for name in names} == expected
    assert len(rows) == PEOPLE * POSTS_EACH
    assert waits == []
    assert (counts.refused_rows_total, counts.protocol_errors_total, counts.refused_connections_total) == (0, 0, {})
    assert counts.posts_total == PEOPLE * POSTS_EACH


def test_five_posts_a_second_never_use_up_the_burst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    """By a clock of its own, a session posts for ten times as long, with all of a second's posts at its end."""
    clock = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr("bbs_core.allowance.time", SimpleNamespace(monotonic=lambda: clock.now_s))
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        for second in range(10 * SECONDS):
            clock.now_s += 1
            ann.sock.sendall(requests(*["hello"] * POSTS_PER_SECOND))
            assert len(ann.listdm()) == 0, second
        assert waits == []
        # The same clock and the same ears do notice a limit: at once, a burst and one more are too many.
        clock.now_s += 1
        burst = board.settings.limits.posts_burst
        ann.sock.sendall(requests(*["hello"] * (burst + 1)))
        assert ann.listdm() == []
        assert waits == [1 / board.settings.limits.posts_per_second]
