"""A board that runs in a thread of its own: all of a server but its sockets, its console and what goes on by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from bbs_core.app import App
from bbs_core.clock import ticking
from bbs_core.platform.calls import Calls
from bbs_core.platform.discovery import Plugin, builtins
from bbs_core.settings import Settings
from bbs_core.store.access import Connection
from bbs_core.store.schema import Engines
from bbs_core.testing.clock import FakeClock

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, None]]
TIMEOUT_S = 30.0


class Running:
    """An App with plugins, within a `with` block; tests live on another thread, and on any event loop or none."""

    def __init__(self, plugins: Iterable[Plugin], settings: Settings, engines: Engines) -> None:
        self._plugins = [plugin.again() for plugin in plugins]
        self._engines = engines
        self.settings = settings
        self.clock = FakeClock(self.settle, lambda: self._loop)
        self._at_end: list[Work] = []
        self._begun: set[asyncio.Task[None]] = set()
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="bbs", daemon=True)
        self._exit = ExitStack()

    @property
    def calls(self) -> Calls:
        """The plugins, as the console calls them from its threads."""
        return Calls(lambda: self.app.plugins, lambda: self._loop)

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the board's loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the board's loop, and wait for it here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)

    async def write(self, function: Callable[[Connection], T]) -> T:
        """Have the writer do something, and wait until its effect shows and all is quiet."""

        async def written() -> T:
            return await asyncio.wrap_future(self.app.writer.call(function))

        return await self.settle(written())

    async def settle(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the board's loop, and wait until all is quiet."""

        async def settled() -> T:
            result = await work
            await self.quiet()
            return result

        return await self.do(settled())

    def begin(self, work: Work) -> None:
        """Have a coroutine run in the board's loop; from any thread."""
        self._loop.call_soon_threadsafe(self._begin, work)

    def at_end(self, work: Work) -> None:
        """Have a coroutine run before the board is closed."""
        self._at_end.append(work)

    async def quiet(self) -> None:
        """Wait until all that was begun is done and committed, and plugins were told of it; in the board's loop."""
        while self._begun:
            await asyncio.wait(self._begun)
        await self.app.commits.all_decided()
        await self.app.life.quiet()

    def _begin(self, work: Work) -> None:
        task = asyncio.ensure_future(work())
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self.app = App(self.settings, lambda *_: [*builtins(), *self._plugins], self._engines)
        await self.app.open()
        try:
            self.app.plugins.refuse_faults()
            self.app.life.change(self.app.plugins)
            await self.quiet()
            self._opened.set_result(None)
            await self._over.wait()
            for work in self._at_end:
                await work()
        finally:
            await self.app.life.end()
            await self.app.close()

    def __enter__(self) -> Self:
        with ExitStack() as entered:
            entered.enter_context(_plain_log())
            entered.enter_context(ticking(self.clock))
            self._thread.start()
            entered.callback(self._thread.join, TIMEOUT_S)
            self._opened.result(TIMEOUT_S)
            self._exit = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._exit.close()


@contextmanager
def _plain_log() -> Iterator[None]:
    """Where nobody has said how, print what goes wrong in a plugin, so that pytest shows it beside a failed test."""
    if structlog.is_configured():
        yield
        return
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure([structlog.stdlib.add_log_level, plain], structlog.make_filtering_bound_logger("warning"))
    try:
        yield
    finally:
        structlog.reset_defaults()
