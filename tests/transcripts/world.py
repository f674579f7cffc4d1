"""A running board and the model of it, spoken to at the same time."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import BoardProcess, fresh_postgres_database
from tests.transcripts.differences import Board

TIMEOUT_S = 20
# A board grows with each conversation, and every list shows all of it.
CONVERSATIONS_PER_BOARD = 250

Turn = tuple[int, Sequence[str]]


class World:
    """A board as a process beside its model; `postgres_server` is the URL of one for it, without it is on SQLite."""

    def __init__(self, differences: Collection[str], postgres_server: str = "", **settings: object) -> None:
        self._postgres_server = postgres_server
        self._differences = differences
        self._settings = settings
        self._open = contextlib.ExitStack()
        self.renew()

    def renew(self) -> None:
        """Begin again with an empty board."""
        self._open.close()
        folder = self._open.enter_context(tempfile.TemporaryDirectory())
        url = self._open.enter_context(_database(self._postgres_server))
        self.process = self._open.enter_context(BoardProcess(Path(folder), url, **self._settings))
        self.model = Board(
            self._differences,
            window=int(str(self._settings.get("board_window", 0))),
            address_limit=int(str(self._settings.get("limits_connections_per_address", 0))),
            help_rows=self._help_rows(),
        )
        self._conversations = 0

    def converse(self, names: Sequence[str], turns: Iterable[Turn]) -> None:
        """Let clients speak in turn; each comes when it first has something to say, and again after it has quit."""
        try:
            with contextlib.ExitStack() as sockets:
                self._converse(names, turns, sockets)
        except BaseException:
            # What the board and the model have become is no ground for the next conversation.
            self.renew()
            raise
        self._conversations += 1
        if self._conversations % CONVERSATIONS_PER_BOARD == 0:
            self.renew()

    def connect(self, ip: str) -> socket.socket:
        """Return a socket to the board, from an address of this machine."""
        sock = socket.create_connection(("127.0.0.1", self.process.port), TIMEOUT_S, (ip, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _converse(self, names: Sequence[str], turns: Iterable[Turn], sockets: contextlib.ExitStack) -> None:
        clients: dict[int, Client] = {}
        for who, frames in turns:
            if who not in clients:
                ip = f"127.0.0.{who + 1}"
                clients[who] = Client(self.model, sockets.enter_context(self.connect(ip)), ip, names[who])
            clients[who].say(frames)
            if clients[who].ended:
                clients.pop(who).leave()
        for client in clients.values():
            client.leave()

    def _help_rows(self) -> list[str]:
        with self.process.client("") as client:
            client.post("/help")
            rows = client.list()
            client.quit_and_wait_eof()
        return [row.removeprefix("* ") for row in rows]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def _database(postgres_server: str) -> contextlib.AbstractContextManager[str]:
    return fresh_postgres_database(postgres_server) if postgres_server else contextlib.nullcontext("")


class Client:
    """A client of both: what it sends, the board must answer with the model's bytes and no others."""

    def __init__(self, model: Board, sock: socket.socket, ip: str, name: str) -> None:
        self._model = model
        self._sock = sock
        self._read(model.banner(ip))
        self._send(name)
        self._line = model.enter(name, ip)

    @property
    def ended(self) -> bool:
        """Whether the client has quit."""
        return self._line.session.ended

    def say(self, frames: Iterable[str]) -> None:
        """Send frames, each when the one before is answered; at the end the board has taken them all."""
        answered = False
        for frame in frames:
            answered = self._say(frame)
        while self._line.session.dm is not None:
            self._say("")
        if not answered and not self.ended:
            self._say("listdm")

    def leave(self) -> None:
        """Close, and see that nothing more comes."""
        self._sock.shutdown(socket.SHUT_WR)
        assert self._sock.recv(1) == b""
        self._model.leave(self._line)

    def _say(self, frame: str) -> bool:
        answer = self._line.send(frame)
        self._send(frame)
        self._read(answer)
        return bool(answer)

    def _send(self, text: str) -> None:
        self._sock.sendall(b"%04d%b" % (len(text), text.encode()))

    def _read(self, expected: bytes) -> None:
        received = bytearray()
        while len(received) < len(expected) and (piece := self._sock.recv(len(expected) - len(received))):
            received += piece
            assert expected.startswith(received)
        assert received == expected
