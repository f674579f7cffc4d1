"""A server that plugins call out to, on loopback; each connection is answered as a test says, well or badly."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

WAIT_S = 20

Behaviour = Callable[[socket.socket], object]


class Request(NamedTuple):
    """What was received."""

    first: str
    headers: dict[str, str]
    body: bytes


def answering(status: int) -> Behaviour:
    """Return what answers with a status."""
    return lambda line: line.sendall(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())


class Receiver:
    """Listens within a `with` block; the first connections are answered by `behaviours`, later ones well."""

    def __init__(self, *behaviours: Behaviour, host: str = "127.0.0.1", port: int = 0, certificate: str = "") -> None:
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._behaviours = iter(behaviours)
        self._heard: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._listen)]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/hook?from=bbs"

    def heard(self) -> Request:
        """Wait for the next request."""
        return self._heard.get(timeout=WAIT_S)

    def all_heard(self) -> Iterator[Request]:
        """Yield what was heard already."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._heard.get_nowait()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(line, next(self._behaviours, None))))
                self._threads[-1].start()

    def _serve(self, line: socket.socket, behaviour: Behaviour | None) -> None:
        with contextlib.suppress(OSError), line:
            line.settimeout(WAIT_S)
            if self._context:
                line = self._context.wrap_socket(line, server_side=True)
            with line, line.makefile("rb") as stream:
                first = stream.readline().decode().strip()
                lines = iter(lambda: stream.readline().decode().strip(), "")
                headers = dict(header.split(": ", 1) for header in lines)
                self._heard.put(Request(first, headers, stream.read(int(headers["Content-Length"]))))
                (behaviour or answering(200))(line)

    def __enter__(self) -> Receiver:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(WAIT_S)
