"""What a trusted proxy says of whom it brings; what anyone else says of it is taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FOR, PROTO = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"
# All that libraries further on may believe.
CLAIMS = (FOR, PROTO, "HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX")


def behind(trusted: Iterable[str], app: WSGIApplication) -> WSGIApplication:
    """Return an application that sees the client in the place of a proxy from a trusted network."""
    networks = [ip_network(text) for text in trusted]

    def is_trusted(address: str) -> bool:
        try:
            known = _plain(address)
        except ValueError:
            return False
        return any(known in network for network in networks)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        claims = {name: environ.pop(name, "") for name in CLAIMS}
        if is_trusted(environ.get("REMOTE_ADDR", "")):
            _believe(environ, claims, is_trusted)
        return app(environ, start_response)

    return answer


def _believe(environ: dict[str, Any], claims: dict[str, str], is_trusted: Callable[[str], bool]) -> None:
    """The right-most address that is no proxy of ours is the client; what stands left of it is its own claim."""
    for address in reversed(claims[FOR].split(",")):
        try:
            environ["REMOTE_ADDR"] = str(_plain(address))
        except ValueError:
            break
        if not is_trusted(address):
            break
    # Of several proxies the nearest is the one that we know.
    if claims[PROTO].rpartition(",")[2].strip() == "https":
        environ["wsgi.url_scheme"] = "https"


def _plain(address: str) -> IPv4Address | IPv6Address:
    """A listener for both versions writes one of version 4 as one of version 6. Raises ValueError."""
    known = ip_address(address.strip())
    return getattr(known, "ipv4_mapped", None) or known
