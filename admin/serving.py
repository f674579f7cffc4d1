"""The console in the server's own process: waitress on threads of its own, beside the event loop."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.trigger import trigger

from admin.proxies import behind
from admin.tls import RECORD_BYTES, TLSChannel, server_context
from bbs_core.errors import ConfigError
from bbs_core.settings import AdminSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

STOP_TIMEOUT_S = 0.5  # for the pages that are being made; the whole stop must be short
CONNECTION_LIMIT = 1000  # silent ones cost a few KiB each; the board's own limits are of this order
OVERFLOW = 100  # what may come while those that make room are still being closed
# Of silence, in the middle of a request too: browsers and proxies connect again by themselves.
IDLE_TIMEOUT_S = 15
CLEANUP_INTERVAL_S = 1
HEADER_LIMIT_BYTES = 32_768
# More than any request has, so that the application answers a large one itself; less than memory notices.
BODY_LIMIT_BYTES = 1024 * 1024


class ConsoleServer:
    """Listen at once; answer between `start` and `stop`, which any thread may call. Raises ConfigError."""

    def __init__(self, app: WSGIApplication, settings: AdminSettings) -> None:
        _refuse_exposure(settings)
        context = server_context(settings.certificate, settings.certificate_key) if settings.certificate else None
        if settings.behind_proxy:
            app = behind(settings.trusted_proxies, app)
        listening = _listen(settings.host, settings.port)
        self.port: int = listening.getsockname()[1]
        self._map: dict[Any, Any] = {}
        self._bell = trigger(self._map)
        self._server = create_server(
            app,
            map=self._map,
            sockets=[listening],
            threads=settings.threads,
            url_scheme="https" if context else "http",
            recv_bytes=RECORD_BYTES,
            # select() knows no descriptor above 1023, and the board alone may have more.
            asyncore_use_poll=True,
            connection_limit=CONNECTION_LIMIT + OVERFLOW,
            channel_timeout=IDLE_TIMEOUT_S,
            cleanup_interval=CLEANUP_INTERVAL_S,
            max_request_header_size=HEADER_LIMIT_BYTES,
            max_request_body_size=BODY_LIMIT_BYTES,
            ident=None,
        )
        assert isinstance(self._server, BaseWSGIServer)  # one socket, one server
        self._server.channel_class = _tls_channel(context) if context else _Channel
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


class _Channel(HTTPChannel):
    def __init__(self, server: BaseWSGIServer, *arguments: Any, **options: Any) -> None:
        channels: Mapping[int, HTTPChannel] = server.active_channels  # type: ignore[assignment]
        _make_room(channels.values())
        super().__init__(server, *arguments, **options)


def _tls_channel(context: ssl.SSLContext) -> type[_Channel]:
    class Channel(TLSChannel, _Channel):  # type: ignore[misc]
        def __init__(self, server: BaseWSGIServer, sock: socket.socket, *arguments: Any, **options: Any) -> None:
            wrapped = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            super().__init__(server, wrapped, *arguments, **options)

    return Channel


def _refuse_exposure(settings: AdminSettings) -> None:
    """Passwords and tokens must not cross a network as clear text. Raises ConfigError."""
    if settings.certificate or settings.behind_proxy or is_local(settings.host):
        return
    raise ConfigError(
        f"The console would be open to others on {settings.host or 'every address'} as clear text: give it a"
        " certificate (admin.certificate), or --behind-proxy where a proxy that speaks TLS stands before it."
    )


def is_local(host: str) -> bool:
    """Whether a name or address reaches this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _make_room(channels: Collection[HTTPChannel]) -> None:
    """Have the connection closed that has been silent for longest, where there are too many for one more.

    Whoever holds many of them can so keep nobody out for longer than it takes to connect as many again.
    """
    idle = [channel for channel in channels if not channel.requests and not channel.will_close]
    if idle and len(channels) >= CONNECTION_LIMIT:
        min(idle, key=lambda channel: channel.last_activity).will_close = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]
        raise ConfigError(f"The console cannot listen on {host}, port {port} ({why}): try --admin-port.") from None
