"""Sockets as the stock client's habits need them (docs/protocol.md, The network)."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import sys
from typing import NamedTuple

from bbs_core.errors import ConfigError

BACKLOG = 1024
# Room for the options of a segment (SACK blocks take up to 36 bytes), so that a pack always fits into one.
OPTIONS_BYTES = 40
# What the kernel holds for a reader before it may send it. Where the window is known that is next to nothing;
# elsewhere, without a bound, it takes some megabytes for each.
UNSENT_BYTES = 131_072
# Linux alone has both; elsewhere the same packs are sent without the mark, and acknowledgements come when they come.
MSG_EOR = getattr(socket, "MSG_EOR", 0)
TCP_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
# Linux 5.4 and later: of `struct tcp_info` the fields state, snd_mss, bytes_acked, notsent_bytes, bytes_sent,
# bytes_retrans and snd_wnd (include/uapi/linux/tcp.h).
TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
INFO = struct.Struct("=B15xI100xQ16xI52xQQ12xI")
TCP_CLOSE = 7
UNKNOWN_WINDOW_BYTES = 1 << 30
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
FAREWELL_ON_CLOSE = struct.pack("ii", 0, 0)


def acknowledge_now(sock: socket.socket) -> None:
    """Acknowledge what was read without waiting for an answer to send along: the client waits for that."""
    if TCP_QUICKACK is not None:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)


def reset_on_close(sock: socket.socket) -> None:
    """Reset the line when the socket is closed, by the end of the process too.

    So end of stream after `quit` can only mean that all is stored, and no stock client waits for ever for the rest of
    a frame (docs/decisions/0009-end-of-stream-is-a-receipt.md).
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


def farewell_on_close(sock: socket.socket) -> None:
    """End the stream in order when the socket is closed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, FAREWELL_ON_CLOSE)


class Way(NamedTuple):
    """What the way to a peer takes now: in one segment, and in the window that the peer has left for more.

    `queued_bytes` are those that the peer has not acknowledged, 0 where nobody tells.
    """

    segment_bytes: int
    window_bytes: int
    queued_bytes: int
    closed: bool


def way(sock: socket.socket) -> Way:
    """Look at the way to a peer; where the system does not tell of the window, it has room for everything."""
    info = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, INFO.size) if TCP_INFO is not None else b""
    if len(info) < INFO.size:
        segment_bytes = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        return Way(segment_bytes - OPTIONS_BYTES, UNKNOWN_WINDOW_BYTES, 0, False)
    state, segment_bytes, acked, unsent, sent, sent_again, window = INFO.unpack(info)
    queued_bytes = max(0, unsent + sent - sent_again - acked)
    return Way(segment_bytes - OPTIONS_BYTES, window - queued_bytes, queued_bytes, state == TCP_CLOSE)


def is_broken(sock: socket.socket) -> bool:
    """Whether the line was reset, though what came before may still be read."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def listen(host: str, port: int, keepalive_s: int) -> list[socket.socket]:
    """Return sockets that listen on every address of `host`; an empty one is all addresses, IPv4 and IPv6 alike.

    Accepted sockets inherit their options. Raises ConfigError.
    """
    try:
        if not host:
            return [_prepared(_listen_everywhere(port), keepalive_s)]
        return [_prepared(listener, keepalive_s) for listener in _listen_at(host, port)]
    except OSError as error:
        where = f"{host or 'all addresses'}, port {port}"
        # The standard library repeats the address in brackets.
        why = str(error.strerror or error).partition(" (")[0]
        raise ConfigError(f"Cannot listen on {where}: {why}.") from error


def _listen_at(host: str, port: int) -> list[socket.socket]:
    """Listen on all addresses of a name, under one port."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    with contextlib.ExitStack() as opened:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            # What stands behind the port is a zone.
            listeners.append(opened.enter_context(_listen_on(family, (str(address[0]), port, *address[2:]))))
            # The first address may have picked it.
            port = int(listeners[0].getsockname()[1])
        opened.pop_all()
    return listeners


def _listen_everywhere(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
    return _listen_on(socket.AF_INET, ("", port))


def _listen_on(family: socket.AddressFamily, address: tuple[str | int, ...]) -> socket.socket:
    return socket.create_server(address, family=family, backlog=BACKLOG)


def _prepared(listener: socket.socket, keepalive_s: int) -> socket.socket:
    listener.setblocking(False)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    if keepalive_s:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
            if hasattr(socket, option):
                listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), keepalive_s)
    return listener


def shown_address(address: str) -> str:
    """Return an address as users see it: v4-mapped ones as v4, without a zone."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
