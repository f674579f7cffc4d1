"""What the console takes: its lists on a board with many users and posts, and a stock client's list beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bbs_core.store.engine import database_url, writing_engine
from bbs_core.store.schema import migrate
from tests.benchmarks.attack_latency import percentiles
from tests.benchmarks.busy import ROWS, Console, connected
from tests.benchmarks.consoles import alone, let_in, within
from tests.benchmarks.contest import ALLOWED, Aim, Figure, Turn, contest
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import OURS, postgresql
from tests.console.crowded import SCHOOL, Crowd, fill
from tests.support import ROOT, BoardProcess

# Every list, by what most rows have and by what few have; the API's lists are the same functions.
LISTS = (
    "/",
    "/users",
    "/users?sort=name",
    "/users?sort=last_visit",
    "/users?search=user",
    f"/users?network={SCHOOL}",
    "/users?network=10.0.0.0/24",
    "/users?state=banned",
    "/users/1",
    "/posts",
    "/posts?state=held",
    "/posts?user_id=1",
    "/posts?words=hello",
    "/posts?words=rare",
    "/posts?until=1970-01-02",
    "/review",
    "/review/post/1",
    "/sessions",
    "/bans",
    "/mutes",
    "/audit",
    "/audit?actor=olga",
    "/audit?action=ban.add",
    "/audit?until=1970-01-02",
    "/speak",
)


def console(scale: Scale) -> Iterator[Figure]:
    """Measure the lists of a crowded board against those of a small one, and a client's list beside a busy console."""
    yield from _lists(scale)
    yield from _busy_alone(scale)
    yield from _busy_within(scale)


def _lists(scale: Scale) -> Iterator[Figure]:
    with ExitStack() as stack:
        turns: dict[str, dict[str, Turn]] = {path: {} for path in LISTS}
        for crowd in scale.crowds:
            title = f"{crowd.users:,} users, {crowd.posts:,} posts"
            shown = stack.enter_context(_crowded(crowd))
            connection = stack.enter_context(closing(connected(shown.port)))
            for path in LISTS:
                turns[path][title] = _loading(shown, connection, path, scale.page_loads)
        few, *_, many = turns[LISTS[0]]
        for path in LISTS:
            yield contest(f"page {path}", "ms", turns[path], [Aim(many, few, 3, at_most=True)], scale.turns)


def _loading(shown: Console, connection: HTTPConnection, path: str, count: int) -> Turn:
    return lambda: 1000 * median(shown.load(connection, path) for _ in range(count))


@contextmanager
def _crowded(crowd: Crowd) -> Iterator[Console]:
    with TemporaryDirectory() as folder:
        engine = writing_engine(database_url("", Path(folder)))
        migrate(engine, Path(folder))
        with engine.begin() as connection:
            fill(connection, crowd)
        engine.dispose()
        with within(Path(folder)) as (_, shown):
            yield shown


def _busy_alone(scale: Scale) -> Iterator[Figure]:
    """The console as a process of its own, on PostgreSQL."""
    with postgresql() as url, TemporaryDirectory() as folder:
        let_in(Path(folder), url)
        with BoardProcess(Path(folder), url, **OURS) as board, alone(board) as shown:
            medians = _compared(board, shown, scale)
    aims = [Aim("busy", "quiet", 3, at_most=True)]
    yield Figure("p99 of a stock list of 1,000 rows, a busy console of its own", "ms", medians, aims)


def _busy_within(scale: Scale) -> Iterator[Figure]:
    """The console in the server's process, as it is installed: the interpreter is shared."""
    with TemporaryDirectory() as folder, within(Path(folder)) as (board, shown):
        medians = _compared(board, shown, scale)
    aims = [Aim("busy", ALLOWED, 20, at_most=True)]
    title = "p99 of a stock list of 1,000 rows, a busy console in the server"
    yield Figure(title, "ms", {**medians, ALLOWED: 1.0}, aims)


def _compared(board: BoardProcess, shown: Console, scale: Scale) -> dict[str, float]:
    """Return the 99th percentiles of a list, in quiet and beside a busy console, and how busy it really was."""
    with board.client("host") as host:
        for number in range(ROWS):
            host.post(f"this is post number {number}")
        assert len(host.list()) == ROWS
    found: dict[str, list[float]] = {"quiet": [], "busy": [], "pages a second": []}
    _probed(board, scale.busy_seconds / 4)
    for _ in range(scale.busy_turns):
        found["quiet"].append(percentiles(_probed(board, scale.busy_seconds))[1])
        # The pages outlast the measuring, whose process takes a moment to start.
        with _started("--pages", shown.port, shown.cookie, "--seconds", scale.busy_seconds + 1) as pages:
            assert pages.stdout is not None
            assert pages.stdout.readline() == "begun\n"
            found["busy"].append(percentiles(_probed(board, scale.busy_seconds))[1])
            found["pages a second"].append(float(pages.stdout.readline()))
    return {who: median(values) for who, values in found.items()}


def _probed(board: BoardProcess, seconds: float) -> list[float]:
    with _started("--probe", board.port, "--seconds", seconds) as process:
        assert process.stdout is not None
        return list(json.loads(process.stdout.read()))


def _started(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.busy", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
