"""The stock helper waits for the acknowledgement of each header: it must not be delayed (docs/protocol.md)."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pytest

from bbs_core import sockets
from tests.wire.doubles import run_double
from tests.wire.filled import fill
from tests.wire.live import LiveBoard

ROWS = 100
LISTS = 40
# The kernel acknowledges the first segments of a connection at once, with or without us.
WARM_UP = 20


def list_time_s(board: LiveBoard) -> float:
    """Return the median of a double's lists."""
    done = run_double(board.port, "ann", options=("--time-list", str(WARM_UP + LISTS)))
    timed = json.loads(done.stdout.splitlines()[-1])
    times_s: list[float] = timed["list_s"]
    assert timed["rows"] == ROWS
    return median(times_s[WARM_UP:])


@pytest.mark.skipif(sockets.TCP_QUICKACK is None, reason="only Linux can be told to acknowledge at once")
def test_prompt_acknowledgement_takes_three_quarters_of_the_time_off(tmp_path: Path) -> None:
    fill(tmp_path, map(str, range(ROWS)))
    with LiveBoard(tmp_path) as board:
        prompt_s = list_time_s(board)
        board.app.server.prompt_acks = False
        assert prompt_s <= list_time_s(board) / 4
