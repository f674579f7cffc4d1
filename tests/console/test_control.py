"""The control socket: one line in, one line out, for nobody but the server's own account."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bbs_core import control
from bbs_core.control import SOCKET_FILE, ControlServer, send
from bbs_core.errors import BBSError, BoardInUse, Conflict, InvalidAct, NotFound, StoreUnavailable
from tests.console.support import PASSWORD, Board

WAIT_S = 10
Perform = Callable[[str, dict[str, Any]], dict[str, Any]]


def echo(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


@asynccontextmanager
async def listening(data: Path, perform: Perform = echo) -> AsyncIterator[ControlServer]:
    server = ControlServer(data / SOCKET_FILE, perform)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def sent(data: Path, name: str = "greet", **arguments: Any) -> dict[str, Any]:
    return await asyncio.to_thread(send, data, name, arguments)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def exchanged(data: Path, line: bytes) -> dict[str, Any]:
    """Send raw bytes, and return the reply."""
    reader, writer = await asyncio.open_unix_connection(data / SOCKET_FILE)
    with contextlib.suppress(ConnectionError):
        writer.write(line)
        await writer.drain()
    reply: dict[str, Any] = json.loads(await asyncio.wait_for(reader.readline(), WAIT_S))
    writer.close()
    return reply


async def test_an_act_goes_in_and_its_outcome_comes_out(tmp_path: Path) -> None:
    async with listening(tmp_path):
        outcome = await sent(tmp_path, name="greet", who="日本語\n\x1b")
    assert outcome == {"name": "greet", "arguments": {"who": "日本語\n\x1b"}}


async def test_only_the_owner_of_the_file_may_use_it(tmp_path: Path) -> None:
    async with listening(tmp_path):
        mode = (tmp_path / SOCKET_FILE).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600


async def test_the_loop_goes_on_while_an_act_is_done(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    heard = threading.Event()

    def wait_for_the_loop(_name: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        loop.call_soon_threadsafe(heard.set)
        return {"heard": heard.wait(WAIT_S)}

    async with listening(tmp_path, wait_for_the_loop):
        assert await sent(tmp_path) == {"heard": True}


@pytest.mark.parametrize("error", [Conflict, NotFound, InvalidAct, StoreUnavailable, BBSError])
async def test_an_error_arrives_as_it_was_raised(tmp_path: Path, error: type[BBSError]) -> None:
    def refuse(_name: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        raise error("This was not to be.")

    async with listening(tmp_path, refuse):
        with pytest.raises(BBSError) as caught:
            await sent(tmp_path)
    assert (type(caught.value), str(caught.value)) == (error, "This was not to be.")


async def test_a_failure_that_nobody_foresaw_tells_nothing(tmp_path: Path) -> None:
    def fail(_name: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("the secret plan")

    async with listening(tmp_path, fail):
        with pytest.raises(BBSError, match=r"^The board failed at this: see its log\.$"):
            await sent(tmp_path)


async def test_acts_are_done_on_the_board(board: Board, tmp_path: Path) -> None:
    def perform(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return board.perform(name, arguments)

    async with listening(tmp_path, perform):
        new = {"name": "olga", "role": "owner", "password": PASSWORD}
        await asyncio.to_thread(send, tmp_path, "staff.add", new)
        with pytest.raises(Conflict, match="olga is on the staff already"):
            await asyncio.to_thread(send, tmp_path, "staff.add", new)
        made = await asyncio.to_thread(
            send, tmp_path, "token.create", {"staff": "olga", "name": "cron", "scopes": ["all"]}
        )
        for name, arguments in (("staff.crown", {}), ("staff.add", {"name": "mona"}), ("token.create", {"staff": 1})):
            with pytest.raises(InvalidAct):
                await asyncio.to_thread(send, tmp_path, name, arguments)
    assert board.api("GET", "/api/v1/posts", made["token"]).status == 200
    assert [act["action"] for act in board.acts()] == ["staff.add", "token.create"]


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"\xff\xfe\n",
        b"hello\n",
        b"[]\n",
        b'{"act": "greet"}\n',
        b'{"act": 1, "arguments": {}}\n',
        b'{"act": "greet", "arguments": []}\n',
        b'{"act": "greet", "arguments": {}, "as": "root"}\n',
        b"[" * 60_000 + b"\n",
        b'{"act": "greet", "arguments": {"text": "' + b"x" * 70_000 + b'"}}\n',
        b"x" * 200_000,
    ],
)
async def test_a_line_that_is_no_request_is_refused_and_the_next_is_heard(tmp_path: Path, line: bytes) -> None:
    async with listening(tmp_path):
        reply = await exchanged(tmp_path, line)
        assert reply["error"]["kind"] == "InvalidAct"
        assert (await sent(tmp_path))["name"] == "greet"


async def test_a_request_that_is_too_long_is_not_even_sent(tmp_path: Path) -> None:
    with pytest.raises(InvalidAct, match="at most 65536 bytes"):
        await sent(tmp_path, text="x" * 70_000)


async def test_whoever_says_nothing_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "TIMEOUT_S", 0.05)
    async with listening(tmp_path):
        reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_FILE)
        assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
        writer.close()


async def test_whoever_hangs_up_early_disturbs_nobody(tmp_path: Path) -> None:
    async with listening(tmp_path):
        for said in (b"", b'{"act"', b'{"act": "greet", "arguments": {}}\n'):
            _, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_FILE)
            writer.write(said)
            writer.close()
        assert (await sent(tmp_path))["name"] == "greet"


async def test_too_many_at_once_are_told_so(tmp_path: Path) -> None:
    async with listening(tmp_path):
        idle = [await asyncio.open_unix_connection(tmp_path / SOCKET_FILE) for _ in range(control.CONNECTIONS)]
        with pytest.raises(StoreUnavailable, match="too many commands"):
            await sent(tmp_path)
        for _, writer in idle:
            writer.close()


async def test_a_socket_that_a_dead_server_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET_FILE))
    with pytest.raises(BoardInUse, match="does not listen to commands"):
        await sent(tmp_path)
    async with listening(tmp_path):
        assert (await sent(tmp_path))["name"] == "greet"
    assert not (tmp_path / SOCKET_FILE).exists()


async def test_a_folder_without_a_server_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BoardInUse, match="does not listen to commands"):
        await sent(tmp_path)


async def test_a_data_folder_may_lie_deep(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a long name of a folder"] * 8)
    deep.mkdir(parents=True)
    assert len(os.fsencode(deep)) > 150
    before = descriptors()
    async with listening(deep):
        assert (await sent(deep))["name"] == "greet"
        assert stat.S_IMODE((deep / SOCKET_FILE).stat().st_mode) == 0o600
    assert descriptors() == before


async def test_an_act_under_way_is_finished_before_the_end(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def take_time(_name: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        return {"finished": go_on.wait(WAIT_S)}

    server = ControlServer(tmp_path / SOCKET_FILE, take_time)
    await server.start()
    waiting = asyncio.create_task(sent(tmp_path))
    assert await asyncio.to_thread(begun.wait, WAIT_S)
    closing = asyncio.create_task(server.close())
    go_on.set()
    assert await waiting == {"finished": True}
    await closing


async def test_a_server_that_dies_in_the_middle_is_one_sentence(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_unix_server(hang_up, tmp_path / SOCKET_FILE)
    with pytest.raises(StoreUnavailable, match="look whether the act was done"):
        await sent(tmp_path)
    server.close()
