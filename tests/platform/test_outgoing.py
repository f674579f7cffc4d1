"""Requests of plugins to other servers: where they may go, and that nobody can make them hang, grow or turn round."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bbs_core.errors import UserError
from bbs_core.platform import outgoing
from bbs_core.platform.outgoing import http_post, is_public
from tests.platform.receiver import Behaviour, Receiver, answering

BODY = '{"word": "тест"}'.encode()
PRIVATE = """
    0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.8 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1
    240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::a00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 fe80::1
    fe80::1%lo fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001::1 2001:10::1 2001:db8::1 2002:7f00:1::1 3fff::1 4000::1
"""
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.15.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.254"]
PUBLIC += ["2001:4860:4860::8888", "2606:4700::1111", "2a00::1"]
# The same loopback address as people and browsers may write it.
SPELLINGS = ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LocalHost"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, in one file with its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "both").write_text((folder / "key").read_text() + (folder / "crt").read_text())
    return folder


def post(url: str, secret: str = "", timeout_s: float = 20, allow_private: bool = True) -> str:
    """Send something; returns why it failed."""
    try:
        asyncio.run(http_post(url, BODY, secret, timeout_s, allow_private))
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_an_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_host_that_is_near_is_not_dialled_however_it_is_written(host: str) -> None:
    with Receiver() as receiver:
        assert post(f"http://{host}:{receiver.port}/", allow_private=False).endswith(" is no public address.")
        assert list(receiver.all_heard()) == []


def test_what_is_dialled_is_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["127.0.0.1", "127.0.0.2"])

    def rebinding(host: str, port: int, **_: Any) -> list[Any]:
        assert host == "rebinds.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    with Receiver() as first, Receiver(host="127.0.0.2", port=first.port) as second:
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        assert post(f"http://rebinds.example:{first.port}/") == ""
        assert [request.headers["Host"] for request in first.all_heard()] == [f"rebinds.example:{first.port}"]
        assert list(second.all_heard()) == []
        assert post(f"http://rebinds.example:{first.port}/", allow_private=False) == "127.0.0.2 is no public address."


def test_the_next_address_is_dialled_where_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["127.0.0.3", "127.0.0.1"]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    with Receiver() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert post(f"http://two.example:{receiver.port}/") == ""


@pytest.mark.parametrize("url", ["ftp://a.example/", "file:///etc/passwd", "http://", "a.example", "http://a b/"])
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    assert post(url) == "A URL begins with http:// or https://, and a host follows."


def test_a_url_with_a_user_is_refused_and_its_password_not_said() -> None:
    with Receiver() as receiver:
        assert post(f"http://eve:hunter2@127.0.0.1:{receiver.port}/") == "A URL has no user and no password here."


def test_nothing_in_a_url_becomes_a_header() -> None:
    with Receiver() as receiver:
        assert post(f"http://127.0.0.1:{receiver.port}/a b\r\nX-Own: 1?q=é\r\n#here") == ""
        request = receiver.heard()
    assert request.first == "POST /a%20bX-Own:%201?q=%C3%A9 HTTP/1.1"
    assert "X-Own" not in request.headers
    assert "BBS-Signature" not in request.headers
    assert request.body == BODY


def test_a_server_that_is_not_there_is_named() -> None:
    with Receiver() as receiver:
        port = receiver.port
    assert post(f"http://127.0.0.1:{port}/").startswith("It cannot be reached: ")


BAD: list[tuple[Behaviour, str]] = [
    (answering(302), "It answered 302."),
    (answering(404), "It answered 404."),
    (answering(500), "It answered 500."),
    (lambda line: None, "It gave no answer of HTTP."),
    (lambda line: line.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"), "It gave no answer of HTTP."),
    (lambda line: line.sendall(b"HTTP/1.1 2"), "It gave no answer of HTTP."),
    (lambda line: line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"), "It gave no answer of HTTP."),
    (lambda line: line.sendall(b"HTTP/1.1 200 " + b"x" * 10_000_000), "It cannot be reached: "),
]


@pytest.mark.parametrize(("behaviour", "why"), BAD)
def test_what_is_no_success_is_a_failure_and_says_what_came(behaviour: Behaviour, why: str) -> None:
    with Receiver(behaviour) as receiver:
        assert post(receiver.url).startswith(why)


def test_no_more_than_the_first_line_of_an_answer_is_waited_for() -> None:
    def endless(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            line.sendall(b"X-More: " + b"x" * 10_000_000 + b"\r\n")

    with Receiver(endless) as receiver:
        assert post(receiver.url) == ""


def test_who_says_nothing_is_left_in_time() -> None:
    with Receiver(lambda line: line.recv(1)) as receiver:
        assert post(receiver.url, timeout_s=0.1) == "It took longer than 0.1 s."


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with Receiver(certificate=str(certificate / "both")) as receiver:
        assert "certificate verify failed" in post(f"https://localhost:{receiver.port}/")
        assert list(receiver.all_heard()) == []


def test_a_certificate_is_for_the_name_in_the_url(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "crt"))
    outgoing._tls.cache_clear()
    try:
        with Receiver(certificate=str(certificate / "both")) as receiver:
            assert post(f"https://localhost:{receiver.port}/") == ""
            assert "IP address mismatch" in post(f"https://127.0.0.1:{receiver.port}/")
            assert len(list(receiver.all_heard())) == 1
    finally:
        outgoing._tls.cache_clear()
