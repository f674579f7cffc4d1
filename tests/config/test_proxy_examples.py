"""The examples for a reverse proxy speak to the console where it listens, and as it believes them."""

from __future__ import annotations

import re

import pytest

from admin.proxies import FOR, PROTO, behind
from bbs_core.settings import AdminSettings
from tests.support import ROOT

CONSOLE = AdminSettings()


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_an_example_dials_the_console_from_a_trusted_address(name: str) -> None:
    [(host, port)] = re.findall(r"(?:http://| )([\d.]+):(\d+)", (ROOT / "config" / name).read_text())
    assert (host, int(port)) == (CONSOLE.host, CONSOLE.port)


def test_the_headers_of_the_example_are_those_that_are_read() -> None:
    text = (ROOT / "config" / "nginx.conf").read_text()
    sent = {f"HTTP_{header.upper().replace('-', '_')}" for header in re.findall(r"proxy_set_header (X-\S+)", text)}
    assert sent == {FOR, PROTO}
    environ = {"REMOTE_ADDR": CONSOLE.host, FOR: "192.0.2.7", PROTO: "https"}
    list(behind(CONSOLE.trusted_proxies, lambda _environ, _start: [])(environ, lambda *_: lambda _: None))
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("192.0.2.7", "https")
