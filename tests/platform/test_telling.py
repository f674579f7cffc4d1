"""Telling plugins of much: in parts, none of which is told twice without need, and with rests in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bbs_core.platform.deliveries import READ_ROWS, TOLD_ROWS
from tests.platform.outside import put
from tests.wire.filled import fill
from tests.wire.live import LiveBoard

WAIT_S = 30
POSTS = 4 * READ_ROWS + 1
# Begins with a place at the end of an empty board; computes 10 ms a call, and the second one fails.
EAR = """
    import queue
    import time
    from bbs_core.plugin import hookimpl, never_blocks

    heard = queue.SimpleQueue()
    calls = 0

    @hookimpl
    @never_blocks
    def bbs_posts_committed(posts):
        global calls
        calls += 1
        if calls == 2:
            raise RuntimeError("oh")
        began = time.monotonic()
        while time.monotonic() < began + 0.01:
            pass
        heard.put((began, time.monotonic(), [post.text for post in posts]))
"""


def told(data: Path) -> list[tuple[float, float, list[str]]]:
    """Return when each call began and ended and what it was told, for posts that came while the board was down."""
    put(data, "ear.py", EAR)
    with LiveBoard(data) as board:
        board.wait(board.app.life.quiet())
    fill(data, (str(number) for number in range(POSTS)))
    calls: list[tuple[float, float, list[str]]] = []
    with LiveBoard(data) as board:
        heard: Any = vars(board.app.plugins["ear"].module)["heard"]
        while not calls or calls[-1][2][-1] != str(POSTS - 1):
            calls.append(heard.get(timeout=WAIT_S))
    return calls


def test_much_is_told_in_parts_and_a_part_that_fails_alone_comes_again(tmp_path: Path) -> None:
    calls = [texts for _, _, texts in told(tmp_path)]
    assert [text for texts in calls for text in texts] == [str(number) for number in range(POSTS)]
    assert {len(texts) for texts in calls} == {TOLD_ROWS, 1}


def test_telling_rests_longer_than_it_works(tmp_path: Path) -> None:
    calls = told(tmp_path)[1:]
    work_s = sum(ended - began for began, ended, _ in calls)
    assert calls[-1][1] - calls[0][0] > 2 * work_s
