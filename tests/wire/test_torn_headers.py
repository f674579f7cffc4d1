"""A reader that believes whatever one `recv(4)` gives it gets whole headers, however it pauses (docs/protocol.md)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from bbs_core.connection import Connection
from tests.wire.doubles import Done, rows_of, run_double
from tests.wire.filled import fill
from tests.wire.links import Link, ethernet, loopback, short_segments
from tests.wire.live import LiveBoard

ROWS = 100_000
PAUSES = ("--pause-ms", "2")
LINES = ("list", "quit")
# The kernel doubles these; the smaller ones hold less than a segment of loopback.
RECEIVE_BUFFERS = (2048, 16_384, 65_536)
LINKS = (loopback, short_segments, ethernet)


def texts() -> Iterator[str]:
    """Yield texts of many lengths, and now and then one that fills several segments."""
    chance = random.Random(2)
    for number in range(ROWS):
        yield f"{number} " + "ä" * (4900 if number % 5000 == 4999 else chance.randrange(60))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A data folder with 100,000 posts, and the rows of its list."""
    data = tmp_path_factory.mktemp("history")
    return data, fill(data, texts())


def read_at_once(board: LiveBoard, link: Link) -> list[Done]:
    """Let readers with buffers of each size list the board at the same time."""
    options = [("--rcvbuf", str(size), "--seed", str(size), *PAUSES) for size in RECEIVE_BUFFERS]
    with ThreadPoolExecutor(len(options)) as pool:
        read = [pool.submit(run_double, board.port, "reader", *LINES, options=given, link=link) for given in options]
    return [reader.result() for reader in read]


@pytest.mark.parametrize("link", LINKS)
def test_100000_rows_reach_readers_that_pause(
    history: tuple[Path, list[str]], link: Callable[[], AbstractContextManager[Link]]
) -> None:
    data, rows = history
    with link() as way, LiveBoard(data, server={"host": way.host}) as board:
        for done in read_at_once(board, way):
            assert rows_of(done) == rows


def test_one_large_buffer_would_crash_them(history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: without packs of their own segments the same readers tear headers."""
    monkeypatch.setattr("bbs_core.connection.MSG_EOR", 0)
    monkeypatch.setattr(Connection, "pack_bytes", lambda _: 1 << 30)
    with loopback() as way, LiveBoard(history[0]) as board:
        assert 1 in [done.returncode for done in read_at_once(board, way)]
