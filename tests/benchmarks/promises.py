"""What was promised of plugins in seconds, measured on this machine: each figure has its bound as a gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import servers
from tests.benchmarks.busy import connected
from tests.benchmarks.consoles import within
from tests.benchmarks.contest import ALLOWED, OURS, Aim, Figure, contest
from tests.benchmarks.scale import Scale
from tests.platform.hundred import run_tests, write_tests
from tests.platform.outside import put, put_hostile
from tests.stock.double import StockClient
from tests.support import BoardProcess

HOST = "127.0.0.1"
STARTED = "a board started and stopped"
WAIT_S, PAUSE_S = 20.0, 0.005
LISTS = 50
MISBEHAVING = """
    import asyncio
    import time
    from bbs_core.plugin import card, command, page

    begun = []

    @command("/compute")
    def compute():
        begun.append("/compute")
        while True: pass

    @command("/wait")
    async def wait():
        begun.append("/wait")
        await asyncio.sleep(999)

    @command("/nap")
    async def nap():
        time.sleep(3)

    @command("/begun")
    def show() -> str:
        return " ".join(begun)

    @page("Slow")
    def slow(): time.sleep(10)

    @page("Raises")
    def raises(): raise RuntimeError

    @card("Slow")
    def slow_card(): time.sleep(10)
"""


def promises(scale: Scale) -> Iterator[Figure]:
    """Measure what others wait for where a plugin misbehaves, and when somebody hears of it."""
    with _board() as board:
        for word in ("/compute", "/wait"):
            yield _promised(f"another's longest list beside {word}", 1000 * _longest_list(board, word), 200, "ms")
    with _board() as board:
        yield _promised("until code that blocks the loop is reported", _reported(board), 1)
    yield _promised("start with tests/hostile_plugins", _hostile_start(), 10)
    for title, path in (("slow card", "/"), ("slow page", _page("slow")), ("page that raises", _page("raises"))):
        yield _promised(f"the console with a {title}", _page_load(path), 1)
    yield from _plugin_tests(scale)


def _promised(name: str, value: float, bound: float, unit: str = "s") -> Figure:
    return Figure(name, unit, {OURS: value, ALLOWED: 1.0}, [Aim(OURS, ALLOWED, bound, at_most=True)])


@contextmanager
def _board() -> Iterator[BoardProcess]:
    with TemporaryDirectory() as folder:
        put(Path(folder), "slow.py", MISBEHAVING)
        with servers.kind(Path(folder), "", **servers.OURS) as board:
            yield board


def _longest_list(board: BoardProcess, word: str) -> float:
    """Return the longest of the lists of somebody else while a command goes on."""
    with ExitStack() as stack:
        ann, bob = (stack.enter_context(StockClient(HOST, board.port, name)) for name in ("ann", "bob"))
        bob.post("hello")
        ann.post(word)
        _wait_until(lambda: word in _begun(bob))
        return max(_seconds(bob.list) for _ in range(LISTS))


def _begun(client: StockClient) -> str:
    client.post("/begun")
    return "".join(client.list())


def _reported(board: BoardProcess) -> float:
    with StockClient(HOST, board.port, "ann") as ann:
        ann.list()
        ann.post("/nap")
        return _seconds(lambda: _wait_until(lambda: "loop_blocked" in board.output))


def _hostile_start() -> float:
    with TemporaryDirectory() as folder:
        put_hostile(Path(folder))
        start = time.perf_counter()
        with servers.kind(Path(folder), "", **servers.OURS):
            return time.perf_counter() - start


def _page(name: str) -> str:
    return f"/plugins/slow/pages/{name}"


def _page_load(path: str) -> float:
    """Return how long a page takes that nobody has loaded yet."""
    with TemporaryDirectory() as folder:
        put(Path(folder), "slow.py", MISBEHAVING)
        with within(Path(folder)) as (_, shown), closing(connected(shown.port)) as connection:
            shown.load(connection, "/audit")
            return shown.load(connection, path)


def _plugin_tests(scale: Scale) -> Iterator[Figure]:
    """Measure how long the author of a plugin waits for a hundred tests, and for one board to start and stop."""
    with TemporaryDirectory() as folder:
        write_tests(Path(folder))
        options = ["-k", "[0]"] if scale.turns == 1 else []
        turns = {OURS: lambda: run_tests(Path(folder), *options), STARTED: lambda: _seconds(_start)}
        aims = [Aim(OURS, STARTED, 4, 2, at_most=True), Aim(OURS, ALLOWED, 5, at_most=True)]
        figure = contest("a hundred tests with the fixture `bbs`", "s", turns, aims, scale.turns)
        yield replace(figure, medians={**figure.medians, ALLOWED: 1.0})


def _start() -> None:
    with servers.board() as board, StockClient(HOST, board.port, "ann") as client:
        client.list()


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _wait_until(done: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("What was to be measured has not begun.")
        time.sleep(PAUSE_S)
