"""An empty host is every address of the machine, and an IPv4 client is shown as one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbs_core.errors import ConfigError
from bbs_core.sockets import listen, shown_address
from tests.stock.double import BANNER, receive_message
from tests.wire.live import LiveBoard, requests


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


# A machine without IPv6 shows what it can: that IPv4 works there.
LOOPBACKS = ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LiveBoard]:
    with LiveBoard(tmp_path, server={"host": ""}) as running:
        yield running


def rows(board: LiveBoard, host: str, *texts: str) -> list[str]:
    """Post from an address and list."""
    with socket.create_connection((host, board.port)) as sock:
        assert receive_message(sock) == BANNER
        sock.sendall(requests("ann", *texts, "list"))
        return [receive_message(sock) for _ in range(int(receive_message(sock)))]


def test_all_addresses_are_served_and_shown(board: LiveBoard) -> None:
    for host in LOOPBACKS:
        assert rows(board, host, "hello")[-1] == f"{host} hello"


def test_a_mapped_address_counts_as_the_ipv4_address_that_it_is(tmp_path: Path) -> None:
    limits = {"connections_per_address": 1}
    with LiveBoard(tmp_path, server={"host": ""}, limits=limits) as board, board.client("ann"):
        assert board.connection("ann").address == "127.0.0.1"
        for host in LOOPBACKS[1:]:
            assert rows(board, host) == []


@pytest.mark.parametrize("host", LOOPBACKS)
def test_one_address_can_be_served_alone(tmp_path: Path, host: str) -> None:
    with LiveBoard(tmp_path, server={"host": host}) as board:
        assert rows(board, host, "hello") == [f"{host} hello"]
        for other in {"127.0.0.1", "::1"} - {host}:
            with pytest.raises(OSError, match=r"refused|unreachable|Cannot assign"):
                socket.create_connection((other, board.port))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::1"),
        ("2001:db8:0:0::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_shown_in_one_form(address: str, shown: str) -> None:
    assert shown_address(address) == shown


def test_a_name_with_two_addresses_has_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"127.0.0.1": (socket.AF_INET, ("127.0.0.1", 0)), "::1": (socket.AF_INET6, ("::1", 0, 0, 0))}
    found = [(known[host][0], socket.SOCK_STREAM, 6, "", known[host][1]) for host in LOOPBACKS]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*found, *found])
    listeners = listen("localhost", 0, 0)
    assert [listener.getsockname()[0] for listener in listeners] == list(LOOPBACKS)
    assert len({listener.getsockname()[1] for listener in listeners}) == 1
    for listener in listeners:
        listener.close()


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError) as error:
        listen("127.0.0.1", port := taken.getsockname()[1], 60)
    assert str(error.value) == f"Cannot listen on 127.0.0.1, port {port}: Address already in use."


def test_a_host_that_does_not_exist_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^Cannot listen on nowhere\.invalid, port 0: .*\.$"):
        listen("nowhere.invalid", 0, 60)


def test_dead_peers_are_found_by_keepalive() -> None:
    for keepalive_s, on in ((7, 1), (0, 0)):
        [listener] = listen("127.0.0.1", 0, keepalive_s)
        with listener, socket.create_connection(listener.getsockname()):
            listener.setblocking(True)
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == on
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
                if on:
                    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == keepalive_s
