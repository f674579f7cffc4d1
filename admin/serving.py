"""The console in the server's own process: waitress on threads of its own, beside the event loop."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import create_server
from waitress.trigger import trigger

from bbs_core.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

STOP_TIMEOUT_S = 0.5  # for the pages that are being made; the whole stop must be short
CONNECTION_LIMIT = 100  # people with a few tabs each
IDLE_TIMEOUT_S = 60
HEADER_LIMIT_BYTES = 32_768
# More than any request has, so that the application answers a large one itself; less than memory notices.
BODY_LIMIT_BYTES = 1024 * 1024


class ConsoleServer:
    """Listen at once; answer between `start` and `stop`, which any thread may call. Raises ConfigError."""

    def __init__(self, app: WSGIApplication, host: str, port: int, threads: int) -> None:
        listening = _listen(host, port)
        self.port: int = listening.getsockname()[1]
        self._map: dict[Any, Any] = {}
        self._bell = trigger(self._map)
        self._server = create_server(
            app,
            map=self._map,
            sockets=[listening],
            threads=threads,
            # select() knows no descriptor above 1023, and the board alone may have more.
            asyncore_use_poll=True,
            connection_limit=CONNECTION_LIMIT,
            channel_timeout=IDLE_TIMEOUT_S,
            max_request_header_size=HEADER_LIMIT_BYTES,
            max_request_body_size=BODY_LIMIT_BYTES,
            ident=None,
        )
        self._thread = threading.Thread(target=self._server.run, name="console", daemon=True)

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Let the pages that are being made end, then close every connection; takes less than a second."""
        self._server.task_dispatcher.shutdown(timeout=STOP_TIMEOUT_S)  # type: ignore[arg-type]
        # The loop ends when its map is empty, and only its own thread may empty it.
        if self._thread.is_alive():
            self._bell.pull_trigger(self._close_all)  # type: ignore[arg-type]
            self._thread.join(STOP_TIMEOUT_S)
        else:
            self._close_all()

    def _close_all(self) -> None:
        wasyncore.close_all(self._map, ignore_all=True)


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]
        raise ConfigError(f"The console cannot listen on {host}, port {port} ({why}): try --admin-port.") from None
