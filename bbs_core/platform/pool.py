"""A few threads of one plugin, whose calls can be given up and, where they run Python, ended."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import queue
import threading
from collections.abc import Callable
from typing import Any

from bbs_core.errors import PluginError, UserError

# Calls that wait for a thread; more than this of one plugin are refused at once.
QUEUE_LIMIT = 100


class Interrupted(BaseException):
    """Thrown into a call that has passed its deadline; no plugin's `except Exception` catches it."""


def busy(plugin: str) -> UserError:
    """Return what users of a plugin read that is asked more than it can answer, which is no fault of it."""
    return UserError(f"The plugin {plugin} is busy at the moment; please try again.")


def interrupt(thread_id: int) -> None:
    """Throw Interrupted into a thread; it arrives once the thread runs Python."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(Interrupted))


class _Call:
    __slots__ = ("abandoned", "function", "future", "kwargs", "lock", "loop", "thread_id")

    def __init__(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.kwargs = kwargs
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.lock = threading.Lock()
        self.thread_id: int | None = None
        self.abandoned = False

    def run(self) -> None:
        with self.lock:
            if self.abandoned:
                return
            self.thread_id = threading.get_ident()
        try:
            result, error = self.function(**self.kwargs), None
        except BaseException as raised:  # noqa: BLE001 - the loop's side raises it again
            result, error = None, raised
        finally:
            with self.lock:
                self.thread_id = None
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits for this any more
            self.loop.call_soon_threadsafe(self._finish, result, error)

    def give_up(self) -> None:
        """Throw Interrupted into the thread that runs this call; a call into C ends only when it returns."""
        with self.lock:
            self.abandoned = True
            if self.thread_id is not None:
                interrupt(self.thread_id)

    def _finish(self, result: object, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(_as_exception(error))


def _as_exception(error: BaseException) -> BaseException:
    """A future refuses StopIteration, and SystemExit would end the loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = PluginError(f"It raised {type(error).__name__}.")
    wrapped.__cause__ = error
    return wrapped


class Pool:
    """Run plain functions of a plugin off the loop, in daemon threads that no exit has to wait for."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._limit = threads
        self._threads: list[threading.Thread] = []
        self._queue: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()

    async def run(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
        """Call the function in a thread; when this is cancelled, the call is given up."""
        if self._queue.qsize() >= QUEUE_LIMIT:
            raise busy(self._name)
        self._grow()
        call = _Call(function, kwargs)
        self._queue.put(call)
        try:
            return await call.future
        finally:
            if not call.future.done() or call.future.cancelled():
                call.give_up()

    def close(self) -> None:
        """Let the threads end once they are idle."""
        for _ in self._threads:
            self._queue.put(None)

    def _grow(self) -> None:
        if len(self._threads) < self._limit:
            thread = threading.Thread(target=self._work, name=f"plugin-{self._name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            try:
                call = self._queue.get()
                if call is None:
                    return
                call.run()
            except Interrupted:
                # It arrived when the call had just ended.
                continue
