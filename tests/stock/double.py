"""Speak 1.2 exactly as the stock client and its helper do, faults included.

Run `double.py HOST PORT NAME` with the user's lines on stdin, or import `StockClient`. Standard library only.
Exit codes of the script: 0 after `quit` and after "Wrong protocol!", 1 with a traceback (a torn or missing header,
the end of stdin), 3 where the stream ends inside a frame. The prompts "IP: " and "Username: " are arguments here.
"""

# ruff: noqa: T201  (printing is what the stock client does)

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

BANNER = "BBS Server 1.2"
LIST_WORDS = ("list", "listdm", "listdms")
TIMEOUT_S = 10.0
PAUSE_CHANCE = 0.01  # of each read: a list of 100,000 rows makes some 2,000 pauses
END_IN_FRAME_EXIT = 3  # 1 is a traceback, 2 is argparse

Rows: TypeAlias = list[str]


class EndInFrame(ConnectionError):
    """The stream ended inside a text."""


def send_message(sock: socket.socket, text: str) -> None:
    """Send one frame as the helper does: the header counts code points, and has five digits from 10,000 on."""
    # Two sends, Nagle's algorithm on: the text waits until the peer acknowledges the header.
    sock.sendall(f"{len(text):04d}".encode())
    sock.sendall(text.encode())


def receive_message(sock: socket.socket) -> str:
    """Read one frame as the helper does: one `recv(4)` is believed to be a whole header, which counts bytes."""
    length_bytes = int(sock.recv(4))
    text = bytearray()
    while len(text) < length_bytes:
        text += receive_some(sock, length_bytes - len(text))
    return text.decode()


def receive_some(sock: socket.socket, limit_bytes: int) -> bytes:
    """Read at least one byte, or raise `EndInFrame`."""
    chunk = sock.recv(limit_bytes)
    if not chunk:
        # The one departure: the stock helper goes round its loop for ever here, and a test could not tell.
        raise EndInFrame("the stream ended inside a frame: the stock helper would now loop for ever")
    return chunk


class PausingSocket(socket.socket):
    """A socket whose reader sometimes looks away for up to `pause_ms`."""

    pause_ms = 0.0
    chance = random.Random(0)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        if self.pause_ms and self.chance.random() < PAUSE_CHANCE:
            time.sleep(self.chance.uniform(0, self.pause_ms) / 1000)
        return super().recv(bufsize, flags)


def connect(host: str, port: int, rcvbuf: int | None, pause_ms: float, seed: int, timeout_s: float) -> PausingSocket:
    """Connect over IPv4, as the stock client does, with the receive buffer (bytes) set first so that it counts."""
    sock = PausingSocket()
    sock.pause_ms, sock.chance = pause_ms, random.Random(seed)
    if rcvbuf is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    sock.settimeout(timeout_s)
    try:
        sock.connect((host, port))
    except OSError:
        sock.close()
        raise
    return sock


class StockClient:
    """One stock user. On a wrong `banner` no name is sent and the socket is closed, as the stock client exits.

    A torn header shows as wrong rows or ValueError, a silent server as TimeoutError.
    """

    def __init__(
        self,
        host: str,
        port: int,
        name: str,
        *,
        rcvbuf: int | None = None,
        pause_ms: float = 0,
        seed: int = 0,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.sock = connect(host, port, rcvbuf, pause_ms, seed, timeout_s)
        try:
            self.banner = receive_message(self.sock)
            self.enter(name)
        except BaseException:
            self.close()
            raise

    def enter(self, name: str) -> None:
        if self.banner == BANNER:
            send_message(self.sock, name)
        else:
            self.close()

    def post(self, text: str) -> None:
        """Send one frame and read nothing, whatever the frame means to the server."""
        send_message(self.sock, text)

    def dm(self, to: str, text: str) -> None:
        for frame in ("dm", to, text):
            self.post(frame)

    def rows(self) -> Iterator[str]:
        """Read a count and yield that many rows, each as it comes."""
        for _ in range(int(receive_message(self.sock))):
            yield receive_message(self.sock)

    def list(self) -> Rows:
        return self.listdm("list")

    def listdm(self, word: str = "listdm") -> Rows:
        self.post(word)
        return list(self.rows())

    def quit(self) -> None:
        self.post("quit")
        self.close()

    def quit_and_wait_eof(self) -> bytes:
        """Quit, shut the write side down and return all that still came; the stock client does not wait."""
        self.post("quit")
        self.sock.shutdown(socket.SHUT_WR)
        rest = b"".join(iter(lambda: self.sock.recv(4096), b""))
        self.close()
        return rest

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> StockClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def input_escaped(prompt: str) -> str:
    """Read a line and resolve Python's escapes, so that it can carry any text; a backslash is two of them."""
    return input(prompt).encode("ascii", "backslashreplace").decode("unicode_escape")


def converse(client: StockClient, ask: Callable[[str], str]) -> None:
    """Go round the stock client's loop up to `quit`, which is left to the caller to send."""
    while (text := ask("Message: ")) != "quit":
        client.post(text)
        if text == "dm":
            to, message = ask("To? "), ask("Message (DM): ")
            client.post(to)
            client.post(message)
        elif text in LIST_WORDS:
            for row in client.rows():
                print(row)


def time_lists(client: StockClient, times: int) -> None:
    """Print one JSON line: the seconds of each list, first byte out to last byte in, and the rows of the last one."""
    seconds, rows = [], 0
    for _ in range(times):
        start = time.perf_counter()
        rows = len(client.list())
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"list_s": seconds, "rows": rows}))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("name")
    parser.add_argument("--escape", action="store_true", help=r"resolve \n, \u00e9, \U0001f600, \\ in the lines")
    parser.add_argument("--wait-eof", action="store_true", help="after quit, read to the end of stream before exiting")
    parser.add_argument("--pause-ms", type=float, default=0, help="longest of the random pauses between reads")
    parser.add_argument("--rcvbuf", type=int, help="receive buffer in bytes, set before connecting")
    parser.add_argument("--seed", type=int, default=0, help="of the pauses")
    parser.add_argument("--time-list", type=int, metavar="N", help="time `list` N times and quit; stdin is not read")
    return parser.parse_args()


def run(given: argparse.Namespace) -> None:
    client = StockClient(
        given.host, given.port, given.name, rcvbuf=given.rcvbuf, pause_ms=given.pause_ms, seed=given.seed
    )
    print(client.banner)
    if client.banner != BANNER:
        print("Wrong protocol!")
        sys.exit()
    if given.time_list is not None:
        time_lists(client, given.time_list)
    else:
        converse(client, input_escaped if given.escape else input)
    if given.wait_eof:
        client.quit_and_wait_eof()
    else:
        client.quit()


if __name__ == "__main__":
    try:
        run(options())
    except EndInFrame as error:
        print(error, file=sys.stderr)
        sys.exit(END_IN_FRAME_EXIT)
