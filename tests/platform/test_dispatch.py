"""Every command that a client can send is dispatched by calling its hook, exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.platform.outside import put
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

WATCHER = """
    from bbs_core.plugin import async_wrapper, hookimpl

    calls = []

    @hookimpl(wrapper=True)
    def bbs_command_post(session, text):
        calls.append(f"post {text}")
        return (yield)

    @hookimpl(wrapper=True)
    def bbs_command_dm(session, to, text):
        calls.append(f"dm {to} {text}")
        return (yield)

    @async_wrapper
    async def bbs_command_list(session):
        calls.append("list")
        rows = yield
        yield rows

    @hookimpl(wrapper=True)
    def bbs_command_listdm(session):
        calls.append("listdm")
        return (yield)

    @hookimpl(wrapper=True)
    def bbs_command_quit(session):
        calls.append("quit")
        return (yield)

    @hookimpl(wrapper=True)
    def bbs_command_help(session, text):
        calls.append(f"help {text}")
        return (yield)

    @async_wrapper
    async def bbs_command_who(session):
        calls.append("who")
        rows = yield
        yield rows
"""

SAID: list[tuple[Callable[[StockClient], object], str]] = [
    (lambda client: client.post("hello"), "post hello"),
    (lambda client: client.post(""), "post "),
    (lambda client: client.post("/usr/bin"), "post /usr/bin"),
    (lambda client: client.post("//help"), "post /help"),
    (lambda client: client.dm("list", "quit"), "dm list quit"),
    (lambda client: client.list(), "list"),
    (lambda client: client.listdm("listdm"), "listdm"),
    (lambda client: client.listdm("listdms"), "listdm"),
    (lambda client: client.post("/help  me "), "help me "),
    (lambda client: client.post("/who"), "who"),
    (lambda client: client.quit_and_wait_eof(), "quit"),
]


def test_each_command_calls_its_hook_exactly_once(tmp_path: Path) -> None:
    put(tmp_path, "watcher.py", WATCHER)
    with LiveBoard(tmp_path) as board, StockClient("127.0.0.1", board.port, "ann") as ann:
        watcher = board.app.plugins["watcher"]
        assert watcher.state == "loaded", watcher.reason
        for say, _ in SAID:
            say(ann)
        calls = vars(watcher.module)["calls"]
    assert calls == [call for _, call in SAID]


@pytest.mark.parametrize("word", ["list", "listdm"])
def test_a_wrapper_may_change_the_rows_of_a_list(tmp_path: Path, word: str) -> None:
    put(
        tmp_path,
        "shouting.py",
        f"""
        from bbs_core.plugin import async_wrapper

        @async_wrapper
        async def bbs_command_{word}(session):
            rows = yield
            yield [row.upper() async for row in rows]
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("hello")
        ann.dm("ann", "psst")
        assert Counter(ann.list() + ann.listdm()) == Counter(
            {"list": ["127.0.0.1 HELLO", "psst"], "listdm": ["127.0.0.1 hello", "PSST"]}[word]
        )


def test_a_wrapper_may_keep_a_command_from_running(tmp_path: Path) -> None:
    put(
        tmp_path,
        "gag.py",
        """
        from bbs_core.plugin import UserError, hookimpl

        @hookimpl(wrapper=True)
        def bbs_command_post(session, text):
            if "spam" in text:
                raise UserError("Not here.")
            return (yield)
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("spam")
        ann.post("ham")
        assert ann.list() == ["127.0.0.1 ham", "* Not here."]
        assert board.app.plugins["gag"].failure_count == 0
