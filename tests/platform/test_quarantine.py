"""A plugin that fails too often is left alone, and a built-in never."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

from bbs_core.platform.pool import QUEUE_LIMIT
from tests.platform.outside import put, replacement
from tests.wire.live import LiveBoard

MOODY = """
    from bbs_core.plugin import command, hookimpl

    @command("/fail")
    def fail(session):
        raise ValueError

    @command("/work")
    def work(session):
        return "done"

    @hookimpl(wrapper=True)
    def bbs_command_list(session):
        yield
        return ["mine"]
"""


def test_five_failures_in_the_window_switch_a_plugin_off(tmp_path: Path) -> None:
    put(tmp_path, "moody.py", MOODY)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        moody = board.app.plugins["moody"]
        for _ in range(4):
            ann.post("/fail")
        ann.post("/work")
        assert ann.list()[-1] == "* done"
        assert (moody.state, moody.reason) == ("loaded", "")
        for word in ("/fail", "/fail", "/work"):
            ann.post(word)
        assert ann.listdm()[1:] == ["* /fail is switched off.", "* /work is switched off."]
        assert (moody.state, moody.reason) == ("quarantined", "It failed 5 times.")
        assert ann.list() == []
        assert "/work" not in {info.word for info in board.app.server.services.dispatch.commands}


def test_a_quarantined_wrapper_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "moody.py", MOODY)
    with LiveBoard(tmp_path, plugins={"quarantine_failures": 1}) as board, board.client("ann") as ann:
        assert ann.list() == ["mine"]
        ann.post("/fail")
        ann.post("hello")
        assert ann.list()[0] == "127.0.0.1 hello"


def test_a_quarantined_observer_is_called_no_more(tmp_path: Path) -> None:
    put(
        tmp_path,
        "observer.py",
        """
        from bbs_core.plugin import hookimpl

        names = []

        @hookimpl
        def bbs_session_opened(session):
            names.append(session.username)
            raise ValueError
        """,
    )
    with LiveBoard(tmp_path, plugins={"quarantine_failures": 2}) as board:
        for name in ("ann", "bob", "eve"):
            board.client(name).close()
        assert vars(board.app.plugins["observer"].module)["names"] == ["ann", "bob"]


def test_failures_outside_the_window_are_forgiven(tmp_path: Path) -> None:
    put(tmp_path, "moody.py", MOODY)
    with LiveBoard(tmp_path, plugins={"quarantine_window_s": 0.1}) as board, board.client("ann") as ann:
        moody = board.app.plugins["moody"]
        for _ in range(12):
            ann.post("/fail")
            ann.listdm()
            board.call(lambda: make_older(moody.failures))
        assert (moody.state, moody.failure_count) == ("loaded", 12)


def make_older(times: deque[float]) -> None:
    """Make the times those of a second before."""
    for _ in range(len(times)):
        times.append(times.popleft() - 1)


def test_a_plugin_with_the_name_of_the_built_in_that_it_replaces_is_watched_like_any(tmp_path: Path) -> None:
    put(tmp_path, "list.py", replacement("raises", "list"))
    with LiveBoard(tmp_path, plugins={"replace": {"list": "list"}}) as board, board.client("ann") as ann:
        rows = [ann.list() for _ in range(6)]
        assert ["The plugin list failed" in row for [row] in rows] == [True] * 5 + [False]
        assert rows[5] == ["list is switched off."]
        assert [plugin.state for plugin in board.app.plugins.plugins if plugin.name == "list"] == [
            "replaced",
            "quarantined",
        ]


def test_a_plugin_that_is_asked_too_much_is_not_to_blame(tmp_path: Path) -> None:
    put(tmp_path, "moody.py", MOODY)
    with LiveBoard(tmp_path, plugins={"threads": 1}) as board:
        work = board.app.plugins.hooks.bbs_command_work

        async def ask_all() -> list[object]:
            calls = [work(session=None, text="") for _ in range(2 * QUEUE_LIMIT)]
            return [*await asyncio.gather(*calls, return_exceptions=True)]

        answers = board.wait(ask_all())
        refused = [answer for answer in answers if answer != "done"]
        assert {str(answer) for answer in refused} == {"The plugin moody is busy at the moment; please try again."}
        assert len(refused) <= QUEUE_LIMIT
        moody = board.app.plugins["moody"]
        assert (moody.state, moody.failure_count) == ("loaded", 0)
        assert board.wait(work(session=None, text="")) == "done"
