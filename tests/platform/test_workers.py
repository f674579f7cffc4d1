"""The process of a plugin is started, ends and is left behind by nobody; what cannot run in one is not loaded."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bbs_core.errors import UserError
from bbs_core.host import PluginSet, found_plugins
from bbs_core.platform.isolation import Worker
from bbs_core.plugin_settings import PluginSettings
from bbs_core.setting_types import MIB
from tests.platform.lab import answer, ends, person, put_lab, told
from tests.platform.outside import put
from tests.support import BoardProcess
from tests.wire.live import LiveBoard


def test_no_process_is_left_when_the_server_has_stopped(tmp_path: Path) -> None:
    pipe = put_lab(tmp_path)
    put(
        tmp_path,
        "idle.py",
        """
        import os
        from bbs_core.plugin import command

        @command("/idle", isolation="process")
        def idle():
            return str(os.getpid())
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann, told(pipe) as begun:
        [idle] = answer(ann, "/idle")
        ann.post("/holds-the-interpreter")
        busy = begun()
    for pid in (idle, busy):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_server_that_is_killed_takes_the_process_along_and_has_told_what_came_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = put_lab(tmp_path)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with BoardProcess(tmp_path) as board, board.client("ann") as ann, told(pipe) as begun:
        assert answer(ann, "/print") == ["this"]
        answer(ann, "/parse hidden words")
        ann.post("/holds-the-interpreter")
        with ends(begun()):
            board.kill()
    assert {'{"answer": "not this"}\n', '{"answer": "nor this"}\n', "nor that\n"} <= set(board.lines)
    [failure] = [json.loads(line) for line in board.lines if "plugin_failed" in line]
    assert failure["exception"].endswith("\nValueError")
    assert "hidden words" not in board.output


async def test_the_process_ends_with_its_input(tmp_path: Path) -> None:
    put_lab(tmp_path)
    worker = Worker("lab", "", str(tmp_path / "plugins" / "lab"), 64 * MIB)
    await worker.call("/hello", person(), "")
    process = worker._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0


REFUSED = {
    "async def x(): ...": "be async",
    "@never_blocks\ndef x(): ...": "bear @never_blocks",
    "def x(server): ...": "take server",
    "def x(session, whom: User): ...": "take a User: whom may be a str",
}


@pytest.mark.parametrize("function", REFUSED)
def test_what_cannot_be_in_another_process_is_refused_at_load(tmp_path: Path, function: str) -> None:
    source = "from bbs_core.plugin import User, command, never_blocks\n\n@command('/x', isolation='process')\n"
    put(tmp_path, "bad.py", source + function + "\n")
    plugins = PluginSet(PluginSettings(), found_plugins(tmp_path / "plugins", PluginSettings()))
    bad = plugins["bad"]
    assert bad.state == "failed"
    assert bad.reason == f"/x runs in a process of its own and cannot {REFUSED[function]} (bad.py:3)."


def test_there_is_one_isolation(tmp_path: Path) -> None:
    put(tmp_path, "bad.py", "from bbs_core.plugin import command\n\n@command('/x', isolation='thread')\ndef x(): ...\n")
    plugins = PluginSet(PluginSettings(), found_plugins(tmp_path / "plugins", PluginSettings()))
    assert plugins["bad"].reason == """ValueError: 'thread' is no isolation: there is "process" alone. (bad.py:3)"""


WAITING = """
    from pathlib import Path
    from bbs_core.plugin import command

    def wait():
        (Path(__file__).parents[1] / "begun").write_text("x")
        with (Path(__file__).parents[1] / "gate").open() as gate:
            return gate.readline()

    with Path(__file__).with_name("starts").open("a") as starts:
        starts.write("started\\n")

    command("/wait", isolation="process")(wait)
"""


@contextmanager
def gate(data: Path) -> Iterator[Callable[[], object]]:
    """Yield a function that lets go what waits at the gate."""
    for name in ("begun", "gate"):
        os.mkfifo(data / name)
    descriptor = os.open(data / "gate", os.O_RDWR)
    try:
        yield lambda: os.write(descriptor, b"open\n")
    finally:
        os.close(descriptor)


async def test_a_start_that_takes_longer_than_a_call_may_is_waited_for_by_the_next(tmp_path: Path) -> None:
    path = put(tmp_path, "slow.py", WAITING + "    wait()\n")
    worker = Worker("slow", "", str(path), 64 * MIB)
    with gate(tmp_path) as let_go, told(tmp_path / "begun") as begun:
        given_up = asyncio.ensure_future(worker.call("/wait", person(), ""))
        await asyncio.to_thread(begun)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        let_go()
        call = asyncio.ensure_future(worker.call("/wait", person(), ""))
        await asyncio.to_thread(begun)
        let_go()
        assert await call == "open\n"
    assert path.with_name("starts").read_text() == "started\n"
    await worker.close()


async def test_a_call_that_has_begun_is_answered_before_the_process_ends(tmp_path: Path) -> None:
    path = put(tmp_path, "slow.py", WAITING)
    worker = Worker("slow", "", str(path), 64 * MIB)
    with gate(tmp_path) as let_go, told(tmp_path / "begun") as begun:
        call = asyncio.ensure_future(worker.call("/wait", person(), ""))
        await asyncio.to_thread(begun)
        closing = asyncio.ensure_future(worker.close())
        await asyncio.sleep(0)
        let_go()
        assert await call == "open\n"
        await closing
    with pytest.raises(UserError, match="busy"):
        await worker.call("/wait", person(), "")


async def test_an_installed_plugin_is_imported_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from bbs_core.plugin import command\n\n@command('/x', isolation='process')\ndef x(): return __name__\n"
    (tmp_path / "board_oracle.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    worker = Worker("oracle", "board_oracle", "board_oracle 1.5", 64 * MIB)
    assert await worker.call("/x", person(), "") == "board_oracle"
    await worker.close()
