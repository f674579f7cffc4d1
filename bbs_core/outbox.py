"""The writing side of a socket: one pack at a time to the kernel, and a wait while it takes none."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from bbs_core.deadlines import Deadlines
from bbs_core.protocol import HEADER_DIGITS
from bbs_core.sockets import MSG_EOR, way

# Between two looks at a window that is full: a reader that goes on is seen soon, and hundreds that do not cost little.
FIRST_LOOK_S = 0.001
LAST_LOOK_S = 0.064


class ConnectionGone(Exception):
    """The client has closed, or cannot be reached."""


class Outbox:
    """Send packs, each as a segment of its own; holds the one that the kernel has not taken.

    While a pack waits without any progress, `stalls` waits for `owner`.
    """

    __slots__ = ("_closed", "_limit_bytes", "_loop", "_owner", "_sock", "_stalls", "_writable")

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        limit_bytes: int,
        stalls: Deadlines[Any],
        owner: object,
    ) -> None:
        self._sock = sock
        self._loop = loop
        self._limit_bytes = limit_bytes
        self._stalls = stalls
        self._owner = owner
        self._writable: asyncio.Future[None] | None = None
        self._closed = False

    async def send(self, pack: bytes | bytearray) -> None:
        """Hand one pack to the kernel. Raises ConnectionGone."""
        if len(pack) > way(self._sock).window_bytes:
            await self._window(len(pack))
        rest: bytes | bytearray | memoryview = pack
        while True:
            try:
                sent = self._sock.send(rest, MSG_EOR)
            except (BlockingIOError, InterruptedError):
                await self._room()
                continue
            except OSError as error:
                raise ConnectionGone from error
            self._stalls.stop(self._owner)
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]

    def pack_bytes(self) -> int:
        """Return what a pack may have now: what one segment carries and the peer's window takes, within the limit."""
        segment_bytes, window_bytes, _, _ = way(self._sock)
        return max(1, min(self._limit_bytes, segment_bytes, window_bytes))

    def close(self) -> None:
        """Wait no more; the socket is about to be closed."""
        self._closed = True
        if self._writable is not None:
            self._loop.remove_writer(self._sock)

    async def _window(self, size: int) -> None:
        """Wait until the peer's window takes a pack whole; a reader that pauses leaves it half open.

        The kernel would cut what it holds where the window ends, in a header too (docs/protocol.md, The network). A
        frame that is longer than the window goes when all before it has arrived, and is cut behind its header. No event
        tells that a window opens, so it is looked at, less and less often while nothing moves.
        """
        pause_s, queued_before = 0.0, -1
        while True:
            _, window, queued, closed = way(self._sock)
            if closed:
                raise ConnectionGone
            if size <= window or (not queued and not 0 < window < HEADER_DIGITS):
                return
            if queued != queued_before:
                pause_s, queued_before = 0.0, queued
                self._stalls.start(self._owner)
            await asyncio.sleep(pause_s)
            pause_s = min(max(FIRST_LOOK_S, 2 * pause_s), LAST_LOOK_S)

    async def _room(self) -> None:
        if self._closed:
            raise ConnectionGone
        self._stalls.start(self._owner)
        future = self._writable = self._loop.create_future()
        self._loop.add_writer(self._sock, _wake, future)
        try:
            await future
        finally:
            self._writable = None
            if not self._closed:
                self._loop.remove_writer(self._sock)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
