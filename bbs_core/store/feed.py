"""The bell of a shared database: a thread that hears of the other nodes' commits."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from bbs_core.store.engine import CHANNEL

if TYPE_CHECKING:
    from psycopg import Connection

log = structlog.get_logger(__name__)


class Bell:
    """Call `rung`, in a thread of its own, after each commit of any node and each `interval_s` anyway.

    A bell that was missed, because the connection was lost, costs no more than the interval.
    """

    def __init__(self, url: sa.URL, interval_s: float, rung: Callable[[], None]) -> None:
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._interval_s = interval_s
        self._rung = rung
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)

    def start(self) -> None:
        """Start to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; the thread ends within the interval."""
        self._stopping.set()

    def _run(self) -> None:
        # It takes a tenth of a second, which boards on SQLite and verbs that only look need not spend.
        import psycopg

        connect = functools.partial(psycopg.connect, self._address, autocommit=True, connect_timeout=5)
        while not self._stopping.is_set():
            try:
                self._listen(connect)
            except psycopg.Error as error:
                log.warning("bell_lost", error=type(error).__name__)
                self._rung()
                self._stopping.wait(self._interval_s)

    def _listen(self, connect: Callable[[], Connection]) -> None:
        with connect() as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            while not self._stopping.is_set():
                # First of all too: nobody heard of what was committed before this listened.
                self._rung()
                for _ in connection.notifies(timeout=self._interval_s, stop_after=1):
                    pass
