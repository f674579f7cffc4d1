"""Listen, let clients in within the limits, and see them out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections import Counter

import structlog

from bbs_core.connection import Connection
from bbs_core.deadlines import Deadlines
from bbs_core.protocol import encode
from bbs_core.services import Services
from bbs_core.settings import Settings
from bbs_core.sockets import listen, shown_address

log = structlog.get_logger(__name__)

# How often deadlines are looked at: they are of seconds, so a quarter more or less is no matter.
TICK_S = 0.25
# Connections taken at one wake-up, so that a flood of them leaves the loop to those who are in.
ACCEPTS_PER_WAKE = 16
# When the process has no file descriptors left, new clients wait in the backlog for so long.
ACCEPT_PAUSE_S = 1.0
# How long the last sessions may take to be seen off once their sockets are closed.
LEAVING_S = 0.5
# Descriptors that are not connections: the console's, above all, and the database and the listeners. Where the system
# gives few, a part of them has to do.
SPARE_DESCRIPTORS = 1200
SPARE_PART = 4

FULL = "The board is full at the moment. Please try again later."
CROWDED = "Too many connections come from your address."
TOO_SLOW = "You were away in the middle of a line for too long."
IDLE = "You were away for too long."
STOPPING = "The board is going down: what you type from now on is not kept. All that it has shown is kept."


class Server:
    """The listeners of one board and the connections they let in; belongs to the loop that it was started on."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self.services = services
        self._settings = settings.server
        self.limits = limits = settings.limits
        self.counts = services.counts
        self.prompt_acks = True
        self.connections: dict[Connection, None] = {}
        self.handshakes: Deadlines[Connection] = Deadlines(limits.handshake_timeout_s, self._handshake_expired)
        self.writers: Deadlines[Connection] = Deadlines(limits.stalled_reader_timeout_s, lambda c: c.expire(TOO_SLOW))
        self.farewells: Deadlines[Connection] = Deadlines(limits.farewell_timeout_s, Connection.close)
        self.frames: Deadlines[Connection] = Deadlines(limits.frame_timeout_s, self._frame_expired)
        self.idle: Deadlines[Connection] = Deadlines(limits.idle_timeout_s, self._idle_expired)
        self._deadlines = (self.handshakes, self.writers, self.farewells, self.frames, self.idle)
        self._addresses: Counter[str] = Counter()
        self._listeners: list[socket.socket] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._ticker: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Listen. Raises ConfigError where the address cannot be had."""
        self.loop = asyncio.get_running_loop()
        settings = self._settings
        descriptors = _raise_descriptor_limit()
        spare = min(SPARE_DESCRIPTORS, descriptors // SPARE_PART)
        self._capacity = min(self.limits.connections, descriptors - spare)
        self._listeners = listen(settings.host, settings.port, self.limits.keepalive_s)
        self._accept_on()
        self._tick()

    @property
    def port(self) -> int:
        """The port that clients dial."""
        return int(self._listeners[0].getsockname()[1])

    async def stop(self) -> None:
        """Let nobody in, tell everyone, and wait for them to leave for as long as `stop_timeout_s` says."""
        self._accept_off()
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.goodbye(STOPPING)
        self._forgotten()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), self.limits.stop_timeout_s)
        for connection in list(self.connections):
            connection.close()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=LEAVING_S)
        if self._ticker is not None:
            self._ticker.cancel()

    def hurry(self) -> None:
        """Make `stop` wait for nobody any more."""
        self._empty.set()

    def forget(self, connection: Connection) -> None:
        """Hear that a connection is closed."""
        self.connections.pop(connection, None)
        for deadlines in self._deadlines:
            deadlines.stop(connection)
        self._addresses[connection.address] -= 1
        if not self._addresses[connection.address]:
            del self._addresses[connection.address]
        if connection.session.named and not connection.session.gone:
            leaving = self.loop.create_task(connection.session.left())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        self._forgotten()

    def turn_away(self, connection: Connection, reason: str) -> None:
        """Count a connection that a plugin refuses, and send it the reason."""
        self.counts.refused_connections_total["plugin"] += 1
        log.info("refused", address=connection.address, why="plugin")
        connection.send_banner(reason)

    def _handshake_expired(self, connection: Connection) -> None:
        self._expire(self.handshakes, connection, TOO_SLOW)

    def _frame_expired(self, connection: Connection) -> None:
        self._expire(self.frames, connection, TOO_SLOW)

    def _idle_expired(self, connection: Connection) -> None:
        self._expire(self.idle, connection, IDLE)

    def _expire(self, deadlines: Deadlines[Connection], connection: Connection, reason: str) -> None:
        """While a session is at work its socket is not read, so what it is late with may be waiting there."""
        if connection.busy:
            deadlines.start(connection)
        else:
            connection.expire(reason)

    def _forgotten(self) -> None:
        if not self.connections:
            self._empty.set()

    def _tick(self) -> None:
        for deadlines in self._deadlines:
            deadlines.check()
        self._ticker = self.loop.call_later(TICK_S, self._tick)

    def _accept_on(self) -> None:
        for listener in self._listeners:
            if listener.fileno() >= 0:
                self.loop.add_reader(listener, self._accept, listener)

    def _accept_off(self) -> None:
        for listener in self._listeners:
            if listener.fileno() >= 0:
                self.loop.remove_reader(listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_WAKE):
            try:
                sock, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._accept_later(error)
                return
            self._admit(sock, shown_address(peer[0]))

    def _accept_later(self, error: OSError) -> None:
        log.error("accept_failed", error=errno.errorcode.get(error.errno or 0, "?"))
        self._accept_off()
        self.loop.call_later(ACCEPT_PAUSE_S, self._accept_on)

    def _admit(self, sock: socket.socket, address: str) -> None:
        sock.setblocking(False)
        self.counts.connections_total += 1
        ban = self.services.rules.address_ban(address)
        if ban is not None:
            self._refuse(sock, address, "banned", ban.sentence())
        elif len(self.connections) >= self._capacity:
            self._refuse(sock, address, "full", FULL)
        elif self._addresses[address] >= self.limits.connections_per_address:
            self._refuse(sock, address, "address", CROWDED)
        else:
            self._addresses[address] += 1
            connection = Connection(sock, address, self)
            self.connections[connection] = None
            self._empty.clear()
            connection.start()

    def _refuse(self, sock: socket.socket, address: str, why: str, banner: str) -> None:
        """Another banner is the one thing that a stock client shows before it goes; it has sent nothing yet."""
        self.counts.refused_connections_total[why] += 1
        log.info("refused", address=address, why=why)
        with contextlib.suppress(OSError), sock:
            sock.send(encode(banner))


def _raise_descriptor_limit() -> int:
    """Take as many descriptors as the system gives this process without asking."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if limit == resource.RLIM_INFINITY else limit
