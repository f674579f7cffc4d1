"""The console's own threads: they start on any port, and end when they are told."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from admin import serving
from admin.serving import ConsoleServer
from bbs_core.errors import ConfigError

WAIT_S = 10


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


def serve(hall: Hall, host: str = "127.0.0.1", port: int = 0) -> ConsoleServer:
    server = ConsoleServer(hall, host, port, threads=2)
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
        serve(hall, "nowhere.invalid")


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
    ConsoleServer(hall, "127.0.0.1", 0, threads=1).stop()
