"""The console's own threads: they start on any port, and end when they are told."""

from __future__ import annotations

import http.client
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from admin import serving
from admin.serving import ConsoleServer
from bbs_core.errors import ConfigError
from bbs_core.settings import AdminSettings
from tests.support import BoardProcess

WAIT_S = 10
HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


class Hall:
    """An application that answers when it may."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self, _environ: object, start_response: object) -> list[bytes]:
        self.entered.set()
        assert self.may_answer.wait(WAIT_S)
        start_response("200 OK", [("Content-Length", "2")])  # type: ignore[operator]
        return [b"ok"]


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    yield hall
    hall.may_answer.set()


def serve(hall: Hall, host: str = "127.0.0.1", port: int = 0, **more: Any) -> ConsoleServer:
    server = ConsoleServer(hall, AdminSettings(host=host, port=port, **more))
    server.start()
    return server


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_answers_on_a_port_that_it_picked(hall: Hall, host: str) -> None:
    hall.may_answer.set()
    server = serve(hall, host)
    with closing(http.client.HTTPConnection(host, server.port, timeout=WAIT_S)) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"
    server.stop()


def test_a_port_that_is_taken_is_one_sentence(hall: Hall) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"The console cannot listen on 127.0.0.1, port {port}"):
            serve(hall, port=port)


def test_a_host_that_does_not_exist_is_one_sentence(hall: Hall) -> None:
    with pytest.raises(ConfigError, match=r"The console cannot listen on nowhere\.invalid"):
        serve(hall, "nowhere.invalid", behind_proxy=True)


def test_a_stop_ends_idle_and_waiting_connections(hall: Hall) -> None:
    server = serve(hall)
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, WAIT_S) as idle, socket.create_connection(address, WAIT_S) as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert hall.entered.wait(WAIT_S)
        server.stop()
        assert not server._thread.is_alive()
        assert idle.recv(1) == b""
        assert waiting.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, WAIT_S)


def test_a_page_that_is_nearly_made_is_still_sent(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STOP_TIMEOUT_S", WAIT_S)
    server = serve(hall)
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)) as connection:
        connection.request("GET", "/")
        assert hall.entered.wait(WAIT_S)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        stopping.join(0.1)
        assert stopping.is_alive()
        hall.may_answer.set()
        assert connection.getresponse().read() == b"ok"
        stopping.join(WAIT_S)
        assert not stopping.is_alive()


def test_a_console_that_never_started_can_be_stopped(hall: Hall) -> None:
    ConsoleServer(hall, AdminSettings(port=0)).stop()


def asked(port: int, path: str = "/") -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def held(stack: ExitStack, port: int, count: int, said: bytes = b"") -> list[socket.socket]:
    """Open connections that say so much, and then nothing."""
    found = [stack.enter_context(socket.create_connection(("127.0.0.1", port), WAIT_S)) for _ in range(count)]
    for connection in found:
        connection.sendall(said)
    return found


def ends(connection: socket.socket) -> bool:
    """Wait until the other side hangs up; what it has not read makes that a reset."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def closed(connections: list[socket.socket]) -> list[socket.socket]:
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    ended = {descriptor for descriptor, _ in poll.poll(0)}
    return [connection for connection in connections if connection.fileno() in ended]


def test_health_is_told_while_one_address_holds_hundreds_of_connections(tmp_path: Path) -> None:
    with BoardProcess(tmp_path / "data") as board, ExitStack() as stack:
        connections = held(stack, board.admin_port, 300) + held(stack, board.admin_port, 300, HALF)
        assert asked(board.admin_port, "/healthz")[0] == 200
        assert closed(connections) == []


@pytest.mark.parametrize("said", [b"", HALF])
def test_whoever_comes_when_all_places_are_held_takes_that_of_the_longest_silent(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(serving, "CONNECTION_LIMIT", 10)
    monkeypatch.setattr(serving, "OVERFLOW", 10)
    hall.may_answer.set()
    server = serve(hall)
    with ExitStack() as stack:
        connections = held(stack, server.port, 50, said)
        # Of fifty that have all come, twenty at the most are left.
        assert all(map(ends, connections[:30]))
        assert asked(server.port) == (200, b"ok")
        assert connections[-1] not in closed(connections)
    server.stop()


def test_a_page_that_is_being_made_keeps_its_place(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CONNECTION_LIMIT", 10)
    monkeypatch.setattr(serving, "OVERFLOW", 10)
    server = serve(hall)
    with ExitStack() as stack:
        waiting = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), WAIT_S))
        waiting.sendall(HALF + b"\r\n")
        assert hall.entered.wait(WAIT_S)
        assert ends(held(stack, server.port, 50)[0])
        hall.may_answer.set()
        assert waiting.recv(12) == b"HTTP/1.1 200"
    server.stop()


@pytest.mark.parametrize("said", [b"", HALF])
def test_whoever_is_silent_is_hung_up_on(hall: Hall, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    assert serving.IDLE_TIMEOUT_S + serving.CLEANUP_INTERVAL_S <= 20
    monkeypatch.setattr(serving, "IDLE_TIMEOUT_S", 1)
    server = serve(hall)
    with ExitStack() as stack:
        (connection,) = held(stack, server.port, 1, said)
        assert ends(connection)
    server.stop()
