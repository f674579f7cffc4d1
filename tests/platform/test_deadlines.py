"""A plugin may take its time, and never that of another session."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from bbs_core.errors import UserError
from bbs_core.platform.pool import QUEUE_LIMIT, Pool
from tests.platform.outside import put, replacement
from tests.stock.double import StockClient
from tests.support import BoardProcess
from tests.wire.live import LiveBoard

SLOW = """
    import asyncio
    import contextlib
    import threading
    from bbs_core.plugin import async_wrapper, command, hookimpl

    begun, ended = threading.Event(), threading.Event()

    @command("/compute")
    def compute(session):
        begun.set()
        try:
            while True:
                pass
        finally:
            ended.set()

    @command("/wait")
    async def wait(session):
        begun.set()
        try:
            await asyncio.sleep(999)
        finally:
            ended.set()

    @command("/stay")
    async def stay(session):
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(999)
        session.board.post("I am still here.")
        ended.set()
        await asyncio.sleep(999)

    @hookimpl(wrapper=True)
    def bbs_command_who(session):
        begun.set()
        try:
            while True:
                pass
            yield
        finally:
            ended.set()
"""
TIMEOUT_S = 15


@pytest.mark.parametrize("word", ["/compute", "/wait", "/stay", "/who"])
def test_a_call_that_hangs_is_given_up_and_others_are_served_meanwhile(tmp_path: Path, word: str) -> None:
    put(tmp_path, "slow.py", SLOW)
    with LiveBoard(tmp_path, plugins={"deadline_s": 2.0}) as board:
        slow: dict[str, Any] = vars(board.app.plugins["slow"].module)
        with board.client("ann") as ann, board.client("bob") as bob:
            ann.post(word)
            assert slow["begun"].wait(TIMEOUT_S)
            bob.post("hello")
            assert bob.list() == ["127.0.0.1 hello"]
            assert not slow["ended"].is_set()
            [*_, notice] = ann.list()
        assert notice.startswith("* The plugin slow did not answer in time (incident ")
        assert slow["ended"].wait(TIMEOUT_S)


def test_the_thread_of_a_call_that_was_given_up_serves_the_next(tmp_path: Path) -> None:
    put(tmp_path, "slow.py", SLOW + '\n    @command("/hello")\n    def hello(session):\n        return "hello"\n')
    with LiveBoard(tmp_path, plugins={"deadline_s": 1.0, "threads": 1}) as board, board.client("ann") as ann:
        for _ in range(2):
            ann.post("/compute")
            ann.post("/hello")
        assert ann.list()[1::2] == ["* hello"] * 2
        assert [thread.name for thread in threading.enumerate()].count("plugin-slow") == 1


async def test_calls_that_wait_for_a_thread_are_bounded() -> None:
    pool, begun, gate = Pool("busy", threads=1), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> bool:
        loop.call_soon_threadsafe(begun.set)
        return gate.wait(TIMEOUT_S)

    calls = [asyncio.ensure_future(pool.run(work, {}))]
    await begun.wait()
    calls += [asyncio.ensure_future(pool.run(work, {})) for _ in range(QUEUE_LIMIT)]
    await asyncio.sleep(0)
    with pytest.raises(UserError, match="busy is busy at the moment"):
        await pool.run(work, {})
    gate.set()
    assert all(await asyncio.gather(*calls))
    pool.close()


def logged(board: BoardProcess, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in board.lines if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("word", ["dm", "list"])
def test_the_incident_that_a_user_reads_is_in_the_log_with_plugin_and_hook(tmp_path: Path, word: str) -> None:
    put(tmp_path, "bad.py", replacement("raises", word))
    with BoardProcess(tmp_path, plugins_replace=f"{word}=bad") as board:
        with board.client("ann") as ann:
            ann.dm("bob", "between us")
            [row] = ann.list()
        assert board.terminate() == 0
        [failure] = logged(board, "plugin_failed")
    assert row.removeprefix("* ") == f"The plugin bad failed (incident {failure['incident']})."
    assert (failure["plugin"], failure["hook"]) == ("bad", f"bbs_command_{word}")
    assert "misbehave" in failure["exception"]
    assert "between us" not in board.output


def test_what_a_plugin_tells_the_user_is_shown_as_it_is(tmp_path: Path) -> None:
    put(
        tmp_path,
        "polite.py",
        """
        from bbs_core.plugin import UserError, command

        @command("/roll")
        def roll(session, text):
            raise UserError(f"{text} is no number of sides.")
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        for _ in range(10):
            ann.post("/roll many")
        assert ann.list() == ["* many is no number of sides."] * 10
        assert board.app.plugins["polite"].failure_count == 0


def test_a_failing_observer_keeps_nobody_out(tmp_path: Path) -> None:
    put(
        tmp_path,
        "observer.py",
        """
        from bbs_core.plugin import hookimpl

        heard = []

        @hookimpl
        def bbs_session_opened(session):
            raise ValueError(session.username)
        """,
    )
    put(
        tmp_path,
        "second.py",
        """
        from bbs_core.plugin import hookimpl

        heard = []

        @hookimpl
        def bbs_session_opened(session):
            heard.append(f"{session.username} came")

        @hookimpl
        async def bbs_session_closed(session):
            heard.append(f"{session.username} went")
        """,
    )
    with LiveBoard(tmp_path) as board:
        with StockClient("127.0.0.1", board.port, "ann") as ann:
            assert ann.list() == []
            ann.quit_and_wait_eof()
        assert vars(board.app.plugins["second"].module)["heard"] == ["ann came", "ann went"]
        assert board.app.plugins["observer"].failure_count == 1
