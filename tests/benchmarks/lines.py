"""Clients that cost little: sockets in one selector, so that the server is what is measured."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from bbs_core.protocol import BANNER, HEADER_DIGITS, encode, encode_request

HOST = "127.0.0.1"
TIMEOUT_S = 60
RECV_BYTES = 65_536
START_TRIES = 500
EMPTY = encode("0")
BOTH = selectors.EVENT_WRITE | selectors.EVENT_READ

Selector = selectors.BaseSelector


def answers(port: int) -> None:
    """Wait until a server listens."""
    for _ in range(START_TRIES):
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise TimeoutError


def connect(port: int, name: str | None) -> socket.socket:
    """Connect and, unless `name` is None, read the banner and say a name."""
    sock = socket.create_connection((HOST, port), TIMEOUT_S)
    if name is not None:
        read_exactly(sock, len(encode(BANNER)))
        sock.sendall(encode_request(name))
    return sock


@contextmanager
def lines(port: int, names: Sequence[str | None]) -> Iterator[list[socket.socket]]:
    """Connect so many lines."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(port, name)) for name in names]


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """Read so many bytes."""
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, "the server closed the line"
        data += piece
    return bytes(data)


def answer_bytes(data: bytes | bytearray) -> int:
    """Return the length of the answer to a list that `data` begins with, 0 where it is not complete."""
    end = rows = 0
    while rows >= 0:
        header = data[end : end + HEADER_DIGITS]
        if len(header) < HEADER_DIGITS:
            return 0
        start, end = end + HEADER_DIGITS, end + HEADER_DIGITS + int(header)
        if len(data) < end:
            return 0
        rows = int(data[start:end]) - 1 if start == HEADER_DIGITS else rows - 1
    return end


def read_answer(sock: socket.socket) -> bytes:
    """Read the answer to one list."""
    data = bytearray()
    while not answer_bytes(data):
        piece = sock.recv(RECV_BYTES)
        assert piece, "the server closed the line"
        data += piece
    return bytes(data)


def flood(socks: list[socket.socket], blob: bytes, barrier: bytes, reply_bytes: int) -> float:
    """Send a blob and a barrier on each line; returns the seconds until all barriers are answered."""
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            sock.setblocking(False)
            selector.register(sock, BOTH, [memoryview(blob + barrier), reply_bytes])
        start = time.perf_counter()
        _drive(selector, _push)
        return time.perf_counter() - start


def _push(selector: Selector, sock: socket.socket, events: int, state: list[memoryview | int]) -> None:
    rest, missing = state
    assert isinstance(rest, memoryview)
    assert isinstance(missing, int)
    if events & selectors.EVENT_READ:
        missing -= len(sock.recv(RECV_BYTES))
    if events & selectors.EVENT_WRITE and rest:
        rest = rest[sock.send(rest) :]
        if not rest:
            selector.modify(sock, selectors.EVENT_READ, state)
    state[:] = [rest, missing]
    if missing <= 0:
        selector.unregister(sock)


def rounds(
    socks: list[socket.socket], requests: list[bytes], complete: Callable[[bytearray], int], count: int
) -> float:
    """Have each line send its requests and read the answer, `count` times; returns the seconds that all take.

    Each request is a `send` of its own, as the stock client's are. `complete` is given what was read and returns the
    length of the answer, 0 while it is not complete.
    """
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, [count, bytearray()])
        start = time.perf_counter()
        for sock in socks:
            _ask(sock, requests)

        def pull(selector: Selector, sock: socket.socket, _: int, state: list[int | bytearray]) -> None:
            left, data = state
            assert isinstance(left, int)
            assert isinstance(data, bytearray)
            data += sock.recv(RECV_BYTES)
            if not complete(data):
                return
            state[:] = [left - 1, bytearray()]
            if left > 1:
                _ask(sock, requests)
            else:
                selector.unregister(sock)

        _drive(selector, pull)
        return time.perf_counter() - start


def _ask(sock: socket.socket, requests: list[bytes]) -> None:
    for request in requests:
        sock.send(request)


def _drive(selector: Selector, step: Callable[..., None]) -> None:
    while selector.get_map():
        ready = selector.select(TIMEOUT_S)
        assert ready, "the server does not answer"
        for key, events in ready:
            step(selector, key.fileobj, events, key.data)
