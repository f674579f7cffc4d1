"""One socket: bytes in to a session, packs of whole frames out, and an end that never cuts a frame.

What the stock client's habits ask of a server is in docs/protocol.md, The network; each rule here has its reason there.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog

from bbs_core.deadlines import Deadlines
from bbs_core.intake import Intake
from bbs_core.metrics import Counts
from bbs_core.outbox import ConnectionGone, Outbox
from bbs_core.protocol import BANNER, encode
from bbs_core.public.verdicts import Refuse
from bbs_core.rows import encodable, frames, visible
from bbs_core.services import Services
from bbs_core.session import Session
from bbs_core.settings import LimitSettings
from bbs_core.sockets import (
    MSG_EOR,
    acknowledge_now,
    farewell_on_close,
    is_broken,
    reset_on_close,
)

log = structlog.get_logger(__name__)

BANNER_FRAME = encode(BANNER)
NOT_UNDERSTOOD = (
    "Your last text was not understood: it may be longer than 9,999 characters. The ones before it are kept."
)
# How long one line may keep the loop while others wait; some fifty posts, or ten lists of a thousand rows.
TURN_S = 0.0002


class Gate(Protocol):
    """What a connection needs of the server that let it in; its deadlines are shared by all connections."""

    loop: asyncio.AbstractEventLoop
    services: Services
    limits: LimitSettings
    counts: Counts
    prompt_acks: bool
    handshakes: Deadlines[Connection]
    frames: Deadlines[Connection]
    idle: Deadlines[Connection]
    writers: Deadlines[Connection]
    farewells: Deadlines[Connection]

    def forget(self, connection: Connection) -> None:
        """Hear that a connection is closed."""

    def turn_away(self, connection: Connection, reason: str) -> None:
        """Count a connection that a plugin refuses, and send it the reason."""


class Connection:
    """A client's socket, read and written without blocking; it is the `Line` of its session.

    While the session is busy the socket is not read: what the client sends waits in the kernel, and then at the client.
    """

    __slots__ = (
        "_busy",
        "_discarding",
        "_eof",
        "_gate",
        "_intake",
        "_loop",
        "_outbox",
        "_reading",
        "_sock",
        "_turn_ends",
        "address",
        "closed",
        "session",
    )

    def __init__(self, sock: socket.socket, address: str, gate: Gate) -> None:
        self._sock = sock
        self._gate = gate
        self._loop = gate.loop
        self._intake = Intake(gate.loop, gate.frames, self, self._paused)
        self._busy: asyncio.Task[None] | None = None
        self._reading = False
        self._discarding = False
        self._eof = False
        self._turn_ends = 0.0
        self._outbox = Outbox(sock, gate.loop, gate.limits.pack_bytes, gate.writers, self)
        self.address = address
        self.closed = False
        self.session = Session(self, address, gate.services)

    def start(self) -> None:
        """Send the banner and begin to read, once the plugins that look at addresses let it in."""
        reset_on_close(self._sock)
        if self._gate.services.dispatch.plugins.hooks.bbs_screen_connection.functions:
            self._run(self._screen())
        else:
            self._welcome()

    async def _screen(self) -> None:
        verdict = await self._gate.services.dispatch.plugins.hooks.bbs_screen_connection(address=self.address)
        if isinstance(verdict, Refuse):
            self._gate.turn_away(self, verdict.reason)
            self._finish()
        else:
            self._welcome()

    def send_banner(self, banner: str) -> None:
        """Send what a stock client shows before it goes, as it is not the one it knows."""
        with contextlib.suppress(OSError):
            self._sock.send(next(iter(frames(visible(encodable(banner))))), MSG_EOR)

    def _welcome(self) -> None:
        try:
            # A socket without room for so few bytes has gone already.
            self._sock.send(BANNER_FRAME, MSG_EOR)
        except OSError:
            self.close()
            return
        self._gate.handshakes.start(self)
        self._read_on()

    def goodbye(self, reason: str) -> None:
        """Tell the user why in advance, send no more, and discard what comes until the client closes."""
        self.session.end(reason)

    @property
    def busy(self) -> bool:
        """Whether the session is at work, so that the client waits for the server and not the other way."""
        return self._busy is not None

    def expire(self, reason: str) -> None:
        """End a line that took too long."""
        log.info("line_expired", address=self.address, why=reason)
        if self.busy:
            self.close()
        elif self.session.named:
            self.goodbye(reason)
        else:
            self._finish()

    def close(self) -> None:
        """Close the socket at once."""
        if self.closed:
            return
        self.closed = True
        self._pause_reading()
        self._intake.close()
        self._outbox.close()
        if self._busy is not None and self._busy is not asyncio.current_task():
            self._busy.cancel()
        self._sock.close()
        self._gate.forget(self)

    async def send(self, pack: bytes | bytearray) -> None:
        """Hand one pack to the kernel, as a segment of its own; wait while it takes none."""
        await self._outbox.send(pack)
        if time.monotonic() > self._turn_ends:
            await self._let_others_go()

    def pack_bytes(self) -> int:
        """Return what one segment of this connection carries now, within the limit that is set."""
        return self._outbox.pack_bytes()

    def wake(self) -> None:
        """Have the session's end carried out, if nothing else does; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and all connections are
            self._loop.call_soon_threadsafe(self._say_farewell)

    def _say_farewell(self) -> None:
        if self._busy is None and not self._discarding and not self.closed:
            self._run(self._serve([]))

    async def _let_others_go(self) -> None:
        """A reader that never waits, or a flood of frames, must not keep the loop from the others."""
        await asyncio.sleep(0)
        self._turn_ends = time.monotonic() + TURN_S

    def _readable(self) -> None:
        if self._busy is not None:
            self._pause_reading()
            return
        try:
            data = self._sock.recv(self._gate.limits.unparsed_bytes)
            broken = is_broken(self._sock)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, broken = b"", False
        if broken:
            # uvloop tells of a reset once and watches no more, though what came before it is still to be read.
            self._pause_reading()
            self._read_on()
        if not data:
            self._end_of_stream()
        elif not self._discarding:
            self._received(data)

    def _received(self, data: bytes) -> None:
        frames = self._intake.feed(data)
        if self._gate.prompt_acks:
            acknowledge_now(self._sock)
        self._gate.idle.start(self)
        if frames or self._intake.error is not None:
            self._gate.counts.frames_total += len(frames)
            self._run(self._serve(frames))

    def _paused(self) -> None:
        """Let a held frame go, if the socket was read all the while and nothing came."""
        held = self._intake.held
        if self.closed or held is None:
            return
        if self._busy is None:
            self._readable()
        if self._busy is not None:
            self._intake.hold_on()
        elif self._intake.held is held and not self.closed:
            self._run(self._serve(self._intake.release()))

    def _end_of_stream(self) -> None:
        self._eof = True
        self._pause_reading()
        if self._discarding or not self.session.named:
            self.close()
        else:
            self._run(self._serve(self._intake.release()))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the session's work; where tasks can start at once, most end before this returns."""
        task = _start_task(self._guarded(work), self._loop)
        if not task.done():
            self._busy = task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ConnectionGone:
            self.close()
        except Exception:
            log.exception("session_failed", address=self.address)
            self.close()
        finally:
            self._busy = None
            if not self.closed and not self._eof:
                self._read_on()
                if self.session.farewell is not None:
                    self._say_farewell()

    async def _serve(self, frames: list[str]) -> None:
        """Give the session its frames, and end the line when it, the stream or the server has come to an end."""
        session = self.session
        self._turn_ends = time.monotonic() + TURN_S
        for text in frames:
            if session.farewell is not None or session.over:
                break
            if not session.named:
                self._gate.handshakes.stop(self)
            waiting = session.take(text)
            if waiting is not None:
                await waiting
            if time.monotonic() > self._turn_ends:
                await self._let_others_go()
        error = self._intake.error
        if error is not None:
            self._gate.counts.protocol_errors_total += 1
            log.warning("protocol_error", address=self.address, error=str(error))
            if session.named:
                session.end(NOT_UNDERSTOOD)
        if session.farewell is not None and not session.over:
            await session.say_goodbye()
        if self._eof or session.over or error is not None:
            await session.left()
            self._finish()

    def _finish(self) -> None:
        """Send no more and discard what comes: a close with bytes unread would throw away what is still on its way."""
        self._discarding = True
        farewell_on_close(self._sock)
        if self._eof:
            self.close()
            return
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._gate.farewells.start(self)

    def _read_on(self) -> None:
        if not self._reading and not self.closed:
            self._reading = True
            self._loop.add_reader(self._sock, self._readable)

    def _pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._sock)


if sys.version_info >= (3, 12):

    def _start_task(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        return asyncio.Task(work, loop=loop, eager_start=True)

else:

    def _start_task(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        return loop.create_task(work)
