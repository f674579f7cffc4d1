"""A reader that believes whatever one `recv(4)` gives it gets whole headers, however it pauses (docs/protocol.md)."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from bbs_core.connection import Connection
from tests.stock.double import receive_message
from tests.support import SOAK
from tests.wire.doubles import Done, rows_of, run_double
from tests.wire.filled import fill
from tests.wire.links import Link, ethernet, loopback, short_segments
from tests.wire.live import LiveBoard

ROWS = 100_000
PAUSES = ("--pause-ms", "2")
LINES = ("list", "quit")
# The kernel doubles these; the smaller ones hold less than a segment of loopback.
RECEIVE_BUFFERS = (2048, 16_384, 65_536)
READERS = 24
SHORT_ROWS = 100_000
# Of those; the rest is there so that the server always has more to send than a reader takes.
READ_ROWS = 25_000
LONG_PAUSES = 5
# About as much as two packs: the window that a pause leaves is smaller than the next one.
PAUSER_BUFFER = 100_000
# Longer than the 200 ms after which Linux probes a window.
LONG_PAUSE_S = 0.4
# With the rows that are read over each: the slower ones take as many seconds for a quarter.
LINKS = ((loopback, ROWS), (short_segments, ROWS // 4 * SOAK), (ethernet, ROWS // 4 * SOAK))


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


def pause_and_read(board: LiveBoard, number: int) -> None:
    """Read a long list, and look away a few times for longer than the kernel holds back."""
    with board.client(f"reader {number}", timeout_s=30, rcvbuf=PAUSER_BUFFER) as reader:
        reader.post("list")
        assert int(receive_message(reader.sock)) == SHORT_ROWS
        pauses = {100 + number * 37 + 4000 * turn for turn in range(LONG_PAUSES)}
        for row in range(READ_ROWS):
            if row in pauses:
                time.sleep(LONG_PAUSE_S)
            assert receive_message(reader.sock) == f"127.0.0.1 {row}"


def read_with_long_pauses(board: LiveBoard) -> list[BaseException | None]:
    with ThreadPoolExecutor(READERS) as pool:
        return [reading.exception() for reading in [pool.submit(pause_and_read, board, n) for n in range(READERS)]]


@pytest.fixture(scope="module")
def short_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose rows are little more than headers, so that a blind cut is likely to meet one."""
    data = tmp_path_factory.mktemp("short")
    fill(data, map(str, range(SHORT_ROWS)))
    return data


def test_readers_that_look_away_for_long_get_whole_headers(short_rows: Path) -> None:
    """After 200 ms the kernel sends what the reader's half open window takes, and does not know of frames."""
    with LiveBoard(short_rows) as board:
        assert read_with_long_pauses(board) == [None] * READERS


@pytest.mark.skipif(sys.platform != "linux", reason="the window is known on Linux alone")
def test_without_a_look_at_the_window_they_would_crash(short_rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bbs_core.sockets.TCP_INFO", None)
    with LiveBoard(short_rows) as board:
        assert any(read_with_long_pauses(board))


@pytest.mark.parametrize(("link", "count"), LINKS)
def test_a_long_list_reaches_readers_that_pause(
    history: tuple[Path, list[str]], link: Callable[[], AbstractContextManager[Link]], count: int
) -> None:
    data, rows = history
    with link() as way, LiveBoard(data, server={"host": way.host}, board={"window": min(count, ROWS)}) as board:
        for done in read_at_once(board, way):
            assert rows_of(done)[-count:] == rows[-count:]


def test_one_large_buffer_would_crash_them(history: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: without packs of their own segments the same readers tear headers."""
    monkeypatch.setattr("bbs_core.connection.MSG_EOR", 0)
    monkeypatch.setattr(Connection, "pack_bytes", lambda _: 1 << 30)
    with loopback() as way, LiveBoard(history[0]) as board:
        assert 1 in [done.returncode for done in read_at_once(board, way)]
