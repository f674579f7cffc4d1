"""Short reads off the event loop, on a small pool of connections that cannot write."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa

from bbs_core.store.engine import unavailable_as_error

T = TypeVar("T")


class Readers:
    """Run functions of a read-only connection; raises StoreUnavailable when the database does not answer."""

    def __init__(self, engine: sa.Engine, threads: int) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        # When each thread that reads has begun.
        self._began: dict[int, float] = {}

    @property
    def busy_s(self) -> float:
        """How long the oldest read under way has taken so far."""
        return time.monotonic() - min(tuple(self._began.values()), default=time.monotonic())

    def read_now(self, function: Callable[[sa.Connection], T]) -> T:
        """Read in the calling thread, which must not be the loop's."""
        self._began[threading.get_ident()] = time.monotonic()
        try:
            with unavailable_as_error(), self._engine.connect() as connection:
                return function(connection)
        finally:
            del self._began[threading.get_ident()]

    async def read(self, function: Callable[[sa.Connection], T]) -> T:
        """Read in a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read_now, function)

    def close(self) -> None:
        """End the threads once they are idle, and close the connections; a read under way holds nobody up."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
