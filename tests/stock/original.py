"""Serve 1.2 as the original server is designed: a thread a connection, all in memory, two sends a row.

Run `python -m tests.stock.original --port 0`: it prints its port and then nothing. It shares the stock helper's habits,
so it reads a header as a count of bytes and breaks on "café" as the original does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from socket import MSG_WAITALL
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

from .double import BANNER, receive_some, send_message


class OriginalServer(ThreadingTCPServer):
    """The posts and messages of all sessions, and the listener on loopback; port 0 picks one."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128  # the original's 10 would time the kernel's SYN retries in a benchmark of 500 clients

    def __init__(self, port: int = 0, window: int = 0) -> None:
        super().__init__(("127.0.0.1", port), OriginalSession)
        self.window = window
        self.posts: list[str] = []
        self.messages: dict[str, list[str]] = {}

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """End the broken session alone and in silence, where a thread of the original prints a traceback."""


class OriginalSession(BaseRequestHandler):
    """One connection, from the banner to `quit`."""

    server: OriginalServer

    def handle(self) -> None:
        send_message(self.request, BANNER)
        name = self.receive()
        while (frame := self.receive()) != "quit":
            self.answer(name, frame)

    def receive(self) -> str:
        """Read as the helper does, but wait for a whole header: a flood may tear it, and benchmarks need survivors."""
        length_bytes = int(self.request.recv(4, MSG_WAITALL))
        text = bytearray()
        while len(text) < length_bytes:
            text += receive_some(self.request, length_bytes - len(text))
        return text.decode()

    def answer(self, name: str, frame: str) -> None:
        board = self.server
        if frame == "dm":
            to, text = self.receive(), self.receive()
            board.messages.setdefault(to, []).append(text)
        elif frame in ("listdm", "listdms"):
            self.send_rows(board.messages.get(name, []))
        elif frame == "list":
            self.send_rows(board.posts[-board.window :])
        else:
            board.posts.append(f"{self.client_address[0]} {frame}")

    def send_rows(self, rows: list[str]) -> None:
        # A copy: the original walks the live list, and a post made after the count is one row too many.
        rows = list(rows)
        send_message(self.request, str(len(rows)))
        for row in rows:
            send_message(self.request, row)


@contextmanager
def running(port: int = 0) -> Iterator[OriginalServer]:
    """Serve from a thread for the length of a `with` block."""
    with OriginalServer(port) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=10333)
    parser.add_argument("--window", type=int, default=0, help="rows of a list, which the original does not limit")
    options = parser.parse_args()
    with OriginalServer(options.port, options.window) as server:
        print(server.port, flush=True)  # noqa: T201
        server.serve_forever()


if __name__ == "__main__":
    main()
