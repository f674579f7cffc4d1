"""What a plugin begins goes on by itself, one of a name at a time, and ends with the plugin."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import pytest

from bbs_core import incidents, plugin_switches
from bbs_core.platform.servers import BEGUN_LIMIT
from tests.effects.kit import act
from tests.platform.outside import put
from tests.wire.live import LiveBoard

WAIT_S = 20
WORKER = """
    import asyncio
    import queue
    from bbs_core.plugin import Server, UserError, command, hookimpl

    heard = queue.SimpleQueue()
    ERRORS = {"runtime": RuntimeError("on purpose"), "exit": SystemExit(3), "told": UserError("not now")}

    async def work(word: str):
        heard.put(word)
        try:
            if word in ERRORS:
                raise ERRORS[word]
            await asyncio.sleep(999)
        finally:
            heard.put(f"end of {word}")

    @command("/begin")
    async def begin(server: Server, name: str, word: str) -> str:
        server.begin(name, work, word)
        return f"{word} was asked for"

    @hookimpl
    async def bbs_server_stopping(server: Server) -> None:
        server.begin("last", work, "last words")
        await asyncio.sleep(0)
"""


@pytest.fixture
def heard(board: LiveBoard) -> queue.SimpleQueue[str]:
    module: Any = board.app.plugins["worker"].module
    found: queue.SimpleQueue[str] = module.heard
    return found


@pytest.fixture
def board(tmp_path: Path) -> Any:
    put(tmp_path, "worker.py", WORKER)
    with LiveBoard(tmp_path, plugins={"deadline_s": 0.2}) as board:
        yield board


def begin(board: LiveBoard, *typed: str) -> None:
    """Have work begun, and wait for the answers."""
    with board.client("ann") as ann:
        for words in typed:
            ann.post(f"/begin {words}")
        assert ann.list() == [f"* {words.split()[1]} was asked for" for words in typed]


def test_one_of_a_name_goes_on_at_a_time_and_none_when_the_plugin_has_ended(
    board: LiveBoard, heard: queue.SimpleQueue[str]
) -> None:
    begin(board, "one first", "one second", "two third")
    assert {heard.get(timeout=WAIT_S), heard.get(timeout=WAIT_S)} == {"first", "third"}
    act(board, plugin_switches.disable_plugin, board.settings, "worker", "enough")
    ends = {heard.get(timeout=WAIT_S) for _ in range(4)}
    assert ends == {"end of first", "end of third", "last words", "end of last words"}
    assert heard.empty()


def test_so_many_go_on_at_once_and_the_next_is_refused(board: LiveBoard) -> None:
    begin(board, *(f"{number} {number}" for number in range(BEGUN_LIMIT)))
    with board.client("ann") as ann:
        ann.post("/begin 0 again")
        ann.post("/begin more more")
        assert ann.list() == ["* again was asked for", "* The plugin worker is busy at the moment; please try again."]


@pytest.mark.parametrize(("word", "kept"), [("runtime", 1), ("exit", 1), ("told", 0)])
def test_what_it_raises_is_an_incident_and_the_next_of_its_name_is_begun(
    board: LiveBoard, heard: queue.SimpleQueue[str], word: str, kept: int
) -> None:
    begin(board, f"one {word}")
    assert [heard.get(timeout=WAIT_S) for _ in range(2)] == [word, f"end of {word}"]
    begin(board, "one next")
    assert heard.get(timeout=WAIT_S) == "next"
    board.wait(board.app.heartbeat.tell())
    found = board.app.access.write(lambda connection: incidents.list_incidents(connection))
    assert [row["hook"] for row in found] == ["one"] * kept
