"""`bbs connect`: the 1.2 protocol from the user's side, for people who have no stock client.

It teaches the stock client's words and adds none. Like the stock client it counts code points in what it sends: that is
the protocol (docs/protocol.md, Frames). The original server counts bytes there and its banner does not tell them apart:
**with the original server only plain ASCII text is understood**, from this client as from the stock one.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterator

from bbs_core.errors import ClientError, ProtocolError
from bbs_core.protocol import BANNER, HEADER_DIGITS, encode_request
from bbs_core.rows import visible
from bbs_core.terminal import HINT, Terminal

CONNECT_TIMEOUT_S = 10  # two lost SYNs are sent again within 3 s; more than that is no network to chat on
ANSWER_TIMEOUT_S = 60  # an answer waits for a commit, and longer after a flood; a server silent for a minute is gone
SEND_TIMEOUT_S = 300  # a server slows a fast poster by not reading, which is no failure until it lasts
QUIT_TIMEOUT_S = 5  # many commits long; the original server may not close at all, and nobody likes to wait to leave
CHUNK_BYTES = 65536  # some thousand rows with one call
COUNT_DIGITS = 12  # more rows than any board has

LIST_WORDS = frozenset({"list", "listdm", "listdms"})


class Client:
    """One session on one blocking socket, already welcomed under `name`.

    Where the server is gone, silent or refuses, its methods raise ClientError; where it sends no frames, ProtocolError.
    """

    def __init__(self, host: str, port: int, name: str) -> None:
        greeting = encode_request(name)
        self._buffer = bytearray()
        self._unconfirmed = False
        self._socket = _connect(host, port)
        try:
            self._read_banner()
            self._send(greeting)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection at once."""
        self._socket.close()

    def send(self, *texts: str) -> None:
        """Send the frames of one command in one piece. Raises ProtocolError, and sends nothing, if one is too long."""
        frames = b"".join(map(encode_request, texts))
        self._unconfirmed = True
        self._send(frames)

    def rows(self) -> Iterator[str]:
        """Yield the rows of an answer as they arrive; those before a failure are yielded too."""
        count = self._read_count()
        self._unconfirmed = False  # an answer comes after the commit of all that was sent before it
        for _ in range(count):
            yield self._read_frame()

    def server_spoke(self) -> bool:
        """Tell at once whether something arrived. Where no answer is owed it can only be a goodbye, or the end."""
        return bool(self._buffer) or bool(select.select([self._socket], [], [], 0)[0])

    def quit(self) -> bool:
        """Leave, and tell whether all that was sent is known to be kept: the server closes its side after that."""
        self._socket.settimeout(QUIT_TIMEOUT_S)
        with contextlib.suppress(OSError):
            self._socket.sendall(encode_request("quit"))
            self._socket.shutdown(socket.SHUT_WR)
            return not self._unconfirmed or self._wait_for_end()
        return not self._unconfirmed

    def _wait_for_end(self) -> bool:
        deadline = time.monotonic() + QUIT_TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            if not self._socket.recv(CHUNK_BYTES):
                return True
        return False

    def _send(self, frames: bytes) -> None:
        self._socket.settimeout(SEND_TIMEOUT_S)
        try:
            self._socket.sendall(frames)
        except TimeoutError:
            raise ClientError("The server has stopped reading.") from None
        except OSError:
            raise _closed() from None

    def _read_banner(self) -> None:
        try:
            banner = self._read_frame()
        except ProtocolError:
            raise ClientError("What answers there is not a BBS server.") from None
        if banner != BANNER:
            raise ClientError(f"The server refused this session: {visible(banner)}")

    def _read_count(self) -> int:
        text = self._read_frame()
        if not (text.isascii() and text.isdigit() and len(text) <= COUNT_DIGITS):
            raise ProtocolError("The server sent something else than a number of rows.")
        return int(text)

    def _read_frame(self) -> str:
        header = self._read_bytes(HEADER_DIGITS)
        if not header.isdigit():
            raise ProtocolError("The server sent something that is not a frame.")
        return self._read_bytes(int(header)).decode(errors="replace")

    def _read_bytes(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += self._receive()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _receive(self) -> bytes:
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        try:
            data = self._socket.recv(CHUNK_BYTES)
        except TimeoutError:
            raise ClientError(f"The server has not answered for {ANSWER_TIMEOUT_S} seconds.") from None
        except OSError:
            raise _closed() from None
        if not data:
            raise _closed()
        return data


def run(host: str, port: int, name: str | None) -> None:
    """Hold one session between the server and this terminal, or a pipe, until either side ends it.

    Raises ClientError, or ProtocolError, when the session cannot begin or ends before the user does.
    """
    terminal = Terminal()
    name = _ask_name(terminal) if name is None else name
    with Client(host, port, name) as client:
        terminal.hint(HINT)
        try:
            _converse(client, terminal, f"{name}> ")
        except KeyboardInterrupt:
            terminal.end_line()
        if not client.quit():
            terminal.warn("The server did not confirm that it kept your last lines.")


def _ask_name(terminal: Terminal) -> str:
    try:
        return terminal.ask("Username: ")
    except EOFError:
        raise ClientError("No name was given.") from None


def _converse(client: Client, terminal: Terminal, prompt: str) -> None:
    while True:
        _heed_goodbye(client, terminal)
        texts = _ask_command(terminal, prompt)
        _heed_goodbye(client, terminal)
        if texts == ["quit"]:
            return
        _carry_out(texts, client, terminal)


def _ask_command(terminal: Terminal, prompt: str) -> list[str]:
    """Ask for all frames of a command, so that one given up half way leaves nothing behind; the end of input quits."""
    try:
        line = terminal.ask(prompt)
        return [line, terminal.ask("To? "), terminal.ask("Message? ")] if line == "dm" else [line]
    except EOFError:
        terminal.end_line()
        return ["quit"]


def _carry_out(texts: list[str], client: Client, terminal: Terminal) -> None:
    try:
        client.send(*texts)
    except ProtocolError as error:
        terminal.warn(f"Not sent. {error}")
        return
    if texts[0] in LIST_WORDS:
        _show_rows(client, terminal)


def _heed_goodbye(client: Client, terminal: Terminal) -> None:
    if client.server_spoke():
        with contextlib.suppress(ClientError):
            _show_rows(client, terminal)
        raise ClientError("The server closed the session; what you typed last may not have been kept.")


def _show_rows(client: Client, terminal: Terminal) -> None:
    for row in client.rows():
        terminal.show(row)


def _connect(host: str, port: int) -> socket.socket:
    try:
        connection = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ClientError(f"Cannot connect to {host} port {port}: {reason}.") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _closed() -> ClientError:
    return ClientError("The server closed the connection.")
