"""A console that others reach speaks TLS, or says that a proxy does."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from admin.serving import ConsoleServer
from bbs_core.errors import ConfigError
from bbs_core.settings import AdminSettings

WAIT_S = 10
LONG = b"x" * 3_000_000
BODY_BYTES = 400_000


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, in one file with its key."""
    file = tmp_path_factory.mktemp("tls") / "console.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    with file.open("a") as both:
        both.write(Path(f"{file}.crt").read_text())
    return file


def answer(environ: dict[str, object], start_response: object) -> list[bytes]:
    body = environ["wsgi.input"].read()  # type: ignore[attr-defined]
    head = f"{environ['wsgi.url_scheme']} {environ['REMOTE_ADDR']} {len(body)}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain")])  # type: ignore[operator]
    return [head, LONG]


@pytest.fixture
def server(certificate: Path) -> Iterator[ConsoleServer]:
    server = ConsoleServer(answer, AdminSettings(port=0, certificate=str(certificate)))
    server.start()
    yield server
    server.stop()


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=f"{certificate}.crt")


def ask(port: int, context: ssl.SSLContext, body: bytes = b"") -> bytes:
    with closing(http.client.HTTPSConnection("localhost", port, timeout=WAIT_S, context=context)) as connection:
        connection.request("POST", "/", b"")
        connection.getresponse().read()
        connection.request("POST", "/", body)  # a second time on the same connection
        return connection.getresponse().read()


def test_long_bodies_and_long_pages_cross_it_unharmed(server: ConsoleServer, certificate: Path) -> None:
    text = ask(server.port, trusting(certificate), b"y" * BODY_BYTES)
    head, _, rest = text.partition(b"\n")
    assert head == b"https 127.0.0.1 %d" % BODY_BYTES
    assert rest == LONG


def test_whoever_is_silent_or_speaks_no_tls_keeps_nobody_out(server: ConsoleServer, certificate: Path) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as clear:
        clear.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert not clear.recv(100).startswith(b"HTTP")
    assert ask(server.port, trusting(certificate)).startswith(b"https ")
    for sock in silent:
        sock.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(server: ConsoleServer, certificate: Path) -> None:
    context = trusting(certificate)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(server.port, context)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1", "board.example"])
def test_a_console_for_others_needs_a_certificate_or_a_proxy(host: str) -> None:
    with pytest.raises(ConfigError, match=r"admin\.certificate.*--behind-proxy"):
        ConsoleServer(answer, AdminSettings(host=host, port=0))


def test_behind_a_proxy_it_may_be_open_to_others() -> None:
    settings = AdminSettings(host="0.0.0.0", port=0, behind_proxy=True)
    ConsoleServer(answer, settings).stop()


def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path: Path, certificate: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for file in (tmp_path / "missing.pem", nonsense, Path(f"{certificate}.crt")):
        with pytest.raises(ConfigError, match=f"^The console cannot use the certificate {file} "):
            ConsoleServer(answer, AdminSettings(port=0, certificate=str(file)))
    locked = tmp_path / "locked.pem"
    command = ["openssl", "rsa", "-in", str(certificate), "-aes256", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(ConfigError, match="has a passphrase"):
        ConsoleServer(answer, AdminSettings(port=0, certificate=f"{certificate}.crt", certificate_key=str(locked)))
