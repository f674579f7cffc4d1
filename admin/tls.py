"""TLS spoken by the console itself: waitress has none, so its connections are wrapped as they are accepted."""

from __future__ import annotations

import ssl
from typing import Any

from bbs_core.errors import ConfigError

# One read takes a whole record, so that nothing waits inside TLS which the poll on the socket does not see.
RECORD_BYTES = 65_536


class Unfinished(Exception):
    """A record, or the handshake, is not complete."""


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return what the console's connections are wrapped with. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key that asks for a passphrase would ask the terminal, which may be nobody's.
        context.load_cert_chain(certificate, key or None, password=_refused)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"The console cannot use the certificate {certificate} ({_reason(error)}).") from None
    return context


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it is no certificate, or the key is another one's"
    return error.strerror or type(error).__name__


def _refused() -> str:
    raise ConfigError("The key of the console's certificate has a passphrase: keep it without one, in a private file.")


class TLSChannel:
    """Mixed into a waitress channel: it reads and writes as before, and waits where TLS is not complete.

    The channel reads in one thread, and never while another writes, as one connection of OpenSSL needs it.
    """

    socket: ssl.SSLSocket

    def handle_read(self) -> None:
        """Read what has come, if that makes up a record."""
        try:
            super().handle_read()  # type: ignore[misc]
        except Unfinished:
            return

    def recv(self, size: int) -> bytes:
        """Return the text of a record. Raises Unfinished."""
        try:
            data: bytes = super().recv(size)  # type: ignore[misc]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise Unfinished from None
        return data

    def send(self, data: bytes, do_close: bool = True) -> Any:
        """Return how much was sent; nothing while the socket takes nothing."""
        try:
            return super().send(data, do_close)  # type: ignore[misc]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
