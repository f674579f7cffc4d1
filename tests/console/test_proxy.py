"""Whom a request comes from: what a trusted proxy says is believed, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from admin.proxies import behind

PROXY, CLIENT, LIAR = "10.0.0.1", "192.0.2.7", "203.0.113.9"
TRUSTED = ("10.0.0.0/8", "::1/128")


def seen(address: str, **headers: str) -> dict[str, Any]:
    """Return the environment that the application sees."""
    found: dict[str, Any] = {}

    def app(environ: dict[str, Any], _start: object) -> list[bytes]:
        found.update(environ)
        return []

    claims = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    environ = {"REMOTE_ADDR": address, "wsgi.url_scheme": "http", **claims}
    list(behind(TRUSTED, app)(environ, None))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("claim", "client"),
    [
        (CLIENT, CLIENT),
        (f"{LIAR}, {CLIENT}", CLIENT),
        (f"{LIAR},{CLIENT} , 10.9.9.9", CLIENT),
        ("2001:db8::1", "2001:db8::1"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, ::ffff:10.9.9.9", CLIENT),
        ("10.9.9.9", "10.9.9.9"),
        ("", PROXY),
        ("nonsense", PROXY),
        (f"{CLIENT}, nonsense", PROXY),
        (f"{CLIENT}:1234", PROXY),
    ],
)
def test_the_right_most_address_that_is_no_proxy_is_the_client(claim: str, client: str) -> None:
    assert seen(PROXY, x_forwarded_for=claim)["REMOTE_ADDR"] == client


def test_a_proxy_is_known_by_the_address_that_a_listener_for_both_versions_sees() -> None:
    assert seen(f"::ffff:{PROXY}", x_forwarded_for=CLIENT)["REMOTE_ADDR"] == CLIENT


def test_what_strangers_say_is_taken_out() -> None:
    found = seen(LIAR, x_forwarded_for=CLIENT, x_forwarded_proto="https", forwarded="for=1", x_forwarded_host="evil")
    assert found == {"REMOTE_ADDR": LIAR, "wsgi.url_scheme": "http"}


@pytest.mark.parametrize(
    ("claim", "scheme"), [("https", "https"), ("http, https", "https"), ("https, http", "http"), ("", "http")]
)
def test_the_nearest_proxy_says_how_it_was_reached(claim: str, scheme: str) -> None:
    found = seen(PROXY, x_forwarded_proto=claim, x_forwarded_host="evil")
    assert found == {"REMOTE_ADDR": PROXY, "wsgi.url_scheme": scheme}
