"""A board in this process, on an event loop in a thread of its own, for tests that must see inside."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvloop

from bbs_core.app import App
from bbs_core.connection import Connection
from bbs_core.protocol import encode_request
from bbs_core.settings import Settings
from tests.ready import make_ready
from tests.stock.double import StockClient

T = TypeVar("T")
TIMEOUT_S = 15.0


def requests(*texts: str) -> bytes:
    """Return the frames of several texts, for clients that send them in one piece."""
    return b"".join(map(encode_request, texts))


class LiveBoard:
    """An App within a `with` block; the keywords are sections of settings, as in `limits={"posts_burst": 1}`."""

    def __init__(
        self,
        data: Path,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
        **sections: Mapping[str, object],
    ) -> None:
        server = {"host": "127.0.0.1", "port": 0, "data": str(data), **sections.pop("server", {})}
        if not server.get("database"):
            make_ready(data)
        self.settings = Settings.model_validate({"server": server, "admin": {"enabled": False}, **sections})
        self.departures: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._loop_factory = loop_factory
        self._started: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)

    @property
    def port(self) -> int:
        """The port that clients dial."""
        return self.app.server.port

    def client(self, name: str, **options: Any) -> StockClient:
        """Connect a stock client, and wait until the server knows its name."""
        client = StockClient("127.0.0.1", self.port, name, **options)
        client.listdm()
        return client

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns in the loop's thread."""

        async def called() -> T:
            return function()

        return self.wait(called())

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns in the loop's thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TIMEOUT_S)

    def connection(self, name: str) -> Connection:
        """Return the server's end of a client's line."""
        [found] = self.call(lambda: [line for line in self.app.server.connections if line.session.username == name])
        return found

    def busy_for(self, seconds: float) -> None:
        """Keep the loop from all else for so long, as a plugin would that computes; returns when it has begun."""
        begun = threading.Event()

        def compute() -> None:
            begun.set()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                pass

        self._loop.call_soon_threadsafe(compute)
        assert begun.wait(TIMEOUT_S)

    def departed(self) -> str:
        """Wait for the next connection that the server closes; returns the name of its user."""
        return self.departures.get(timeout=TIMEOUT_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        try:
            self.app = App(self.settings)
            await self.app.start()
            self._watch_departures()
        except BaseException as error:
            self._started.put(error)
            raise
        self._started.put(None)
        await self._over.wait()
        self.app.server.hurry()
        await self.app.stop()

    def _watch_departures(self) -> None:
        forget = self.app.server.forget

        def watched(connection: Connection) -> None:
            forget(connection)
            self.departures.put(connection.session.username)

        self.app.server.__dict__["forget"] = watched

    def __enter__(self) -> Self:
        self._thread.start()
        error = self._started.get(timeout=TIMEOUT_S)
        if error is not None:
            raise error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()
