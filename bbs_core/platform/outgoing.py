"""Requests of plugins to other servers: to addresses that were looked at, and bounded whatever the other side does."""

from __future__ import annotations

import asyncio
import functools
import hmac
import re
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

from pydantic import HttpUrl, ValidationError

from bbs_core.clock import now_ms
from bbs_core.errors import UserError

# Of an answer only the first line is read.
STATUS_BYTES = 1024
STATUS = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)\b")
# Of no use to anybody else: a name server that is silent for long holds up no reader and no writer.
RESOLVERS = ThreadPoolExecutor(8, thread_name_prefix="resolver")
# What of IPv4 is private, shared, loopback, link-local, documentation, a relay, a benchmark, multicast or reserved; and
# the one address of the internet where a cloud answers its own machines.
NOT_PUBLIC = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 168.63.129.16"
)
# All else of IPv6 is local, multicast or reserved, or another way to write an IPv4 address, as those of NAT64 are;
# within it there are tunnels (Teredo, 6to4), identifiers and documentation.
PUBLIC_V6 = ip_network("2000::/3")
NOT_PUBLIC_V6 = "2001::/23 2001:db8::/32 2002::/16 3fff::/20"
_NETWORKS = [ip_network(one) for one in f"{NOT_PUBLIC} {NOT_PUBLIC_V6}".split()]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet, and of no network nearer to this machine."""
    found = ip_address(address)
    return (found.version == 4 or found in PUBLIC_V6) and not any(found in network for network in _NETWORKS)


async def http_post(url: str, body: bytes, secret: str, timeout_s: float, allow_private: bool) -> None:
    """Send JSON to another server, signed if there is a secret. Raises UserError unless it answers with 2xx."""
    try:
        async with asyncio.timeout(timeout_s):
            target = HttpUrl(url)
            await _post(target, await _addresses(target, allow_private), _request(target, body, secret))
    except TimeoutError:
        raise UserError(f"It took longer than {timeout_s:g} s.") from None
    except ValidationError:
        # Not its words, which have the URL and with it perhaps a password.
        raise UserError("A URL begins with http:// or https://, and a host follows.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"It cannot be reached: {error}") from None


async def _addresses(url: HttpUrl, allow_private: bool) -> Sequence[str]:
    """Look the host up once, as what was looked at is what has to be dialled."""
    look_up = functools.partial(socket.getaddrinfo, _host(url), url.port, type=socket.SOCK_STREAM)
    found = [str(one[4][0]) for one in await asyncio.get_running_loop().run_in_executor(RESOLVERS, look_up)]
    good = [address for address in found if allow_private or is_public(address)]
    if not good:
        raise UserError(f"{found[0]} is no public address.")
    return good


def _request(url: HttpUrl, body: bytes, secret: str) -> bytes:
    if url.username is not None or url.password is not None:
        raise UserError("A URL has no user and no password here.")
    _, _, host, path = str(url).partition("#")[0].split("/", 3)
    lines = [f"POST /{path} HTTP/1.1", f"Host: {host}", "Connection: close", "Content-Type: application/json"]
    lines.append(f"Content-Length: {len(body)}")
    if secret:
        at = str(now_ms() // 1000)
        signature = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
        lines += [f"BBS-Timestamp: {at}", f"BBS-Signature: sha256={signature}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _post(url: HttpUrl, addresses: Sequence[str], request: bytes) -> None:
    reader, writer = await _connected(url, addresses)
    try:
        writer.write(request)
        await writer.drain()
        status = STATUS.match(await reader.readline())
    finally:
        # Nobody waits for what else it has to say.
        writer.transport.abort()
    if status is None:
        raise UserError("It gave no answer of HTTP.")
    if not status[1].startswith(b"2"):
        raise UserError(f"It answered {status[1].decode()}.")


async def _connected(url: HttpUrl, addresses: Sequence[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = None
    if url.scheme == "https":
        context = await asyncio.get_running_loop().run_in_executor(RESOLVERS, _tls)
    failure = OSError("it has no address")
    for address in addresses:
        try:
            name = _host(url) if context else None
            return await asyncio.open_connection(
                address, url.port, limit=STATUS_BYTES, ssl=context, server_hostname=name
            )
        except OSError as error:
            failure = error
    raise failure


def _host(url: HttpUrl) -> str:
    return str(url.host).strip("[]")


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return what checks certificates; its making reads a large file."""
    return ssl.create_default_context()
