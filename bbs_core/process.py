"""The process of a server: its signals, the lines for whoever starts it, and an end in time, whatever is at work."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import CoroutineType
from typing import Any

import structlog

from bbs_core import logs
from bbs_core.app import App
from bbs_core.settings import AdminSettings, ServerSettings, Settings
from bbs_core.store.engine import data_lock

log = structlog.get_logger(__name__)

# A thread that computes hands the interpreter over ten times as often as by default, so that a list need not wait.
SWITCH_INTERVAL_S = 0.0005
# New objects after which cycles are looked for, instead of 700: a batch of posts is many, and holds none.
YOUNG_OBJECTS = 10_000
# From the first signal to the end of the process, whatever blocks it; with the last line, ten seconds are promised.
STOP_LIMIT_S = 9.6
# For what is left once the board has stopped: each of these comes on top of its time.
LAST_S = 0.1
# For the threads that plugins have started, and for what they do at the interpreter's exit.
EXIT_S = 1.0
# A plugin that takes a signal for itself has it no longer than this.
LISTEN_S = 1.0
# Names in one log line, and stack entries: enough to see whose they are.
SHOWN = 10
STOCK_PORT = 10333
# Asking the kernel which address it would send from towards here sends nothing; the range is reserved for examples.
SOMEWHERE = ("192.0.2.1", 9)


def run(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve a board until SIGTERM, SIGINT or SIGHUP; `say` is given the lines for whoever starts it.

    Call it last, in the main thread: the process ends soon after it, with exit code 0, though a plugin's thread may be
    at work. Raises BBSError when the board cannot be opened.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    logs.catch()
    with contextlib.ExitStack() as held:
        held.enter_context(data_lock(Path(settings.server.data), settings.server.database))
        _run(_serve(settings, _harmless(say)))
        # A thread may still be writing: the folder is free when the process has ended.
        atexit.register(held.pop_all().close)
    _end_after(EXIT_S)
    _flush()


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """Run the loop, and end it with what is left on it: asyncio.Runner would wait for ever for what ignores it."""
    loop = _new_loop()
    try:
        loop.run_until_complete(serving)
    finally:
        left = loop.run_until_complete(_wind_up())
    if left:
        _end_now(tasks=[_path(task) for task in left][:SHOWN])
    loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _harmless(say: Callable[[str], None]) -> Callable[[str], None]:
    """A terminal that is gone, or has no letters for it, is no reason to stop."""

    def said(line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            say(line)

    return said


async def _serve(settings: Settings, say: Callable[[str], None]) -> None:
    app = App(settings)
    await app.start()
    _spare_the_collector()
    signals = _Signals(app.server.hurry)
    for line in _start_lines(settings.server, app):
        say(line)
    await signals.wait()
    say("Stopping: everyone on line is told, and what is waiting is stored. Once more to stop at once.")
    await app.stop()
    say("Stopped.")


def _spare_the_collector() -> None:
    """Leave out what is there at the start, as it stays; looking at it again and again costs a sixth of all posts."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


class _Signals:
    """Heard between any two steps of Python, so that the time of a stop begins even where a plugin blocks the loop."""

    def __init__(self, hurry: Callable[[], None]) -> None:
        self.stop = asyncio.Event()
        self._hurry = hurry
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        # `nohup` starts what shall outlive its terminal with this one ignored.
        heeded = (signal.SIGHUP,) if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else ()
        self._numbers = (signal.SIGTERM, signal.SIGINT, *heeded)
        for number in self._numbers:
            signal.signal(number, self._heard)

    async def wait(self) -> None:
        """Wait for one that asks for the end."""
        while not self.stop.is_set():
            self._take_back()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), LISTEN_S)

    def _take_back(self) -> None:
        """A plugin that has asked for a signal would keep the server from its end."""
        for number in self._numbers:
            if signal.getsignal(number) != self._heard:
                signal.signal(number, self._heard)
                log.warning("signal_taken_back", number=number.name)

    def _heard(self, number: int, _frame: object) -> None:
        if not self._stopping:
            self._stopping = True
            _end_after(STOP_LIMIT_S)
            self._call(self.stop.set)
        elif number != signal.SIGHUP:  # the kernel and the shell each send one when a terminal closes
            self._call(self._hurry)

    def _call(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the end is near anyway
            self._loop.call_soon_threadsafe(function)


async def _wind_up() -> set[asyncio.Task[Any]]:
    """Cancel what is left on the loop; return what ignores that."""
    left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    for task in left:
        task.cancel()
    return await _unfinished(left) or await _unfinished({asyncio.create_task(_close_generators())})


async def _close_generators() -> None:
    await asyncio.get_running_loop().shutdown_asyncgens()


async def _unfinished(tasks: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    return (await asyncio.wait(tasks, timeout=LAST_S))[1] if tasks else tasks


def _path(task: asyncio.Task[Any]) -> str:
    """Name a task by its coroutines, from the outermost to where it waits."""
    names: list[str] = []
    awaited: object = task.get_coro()
    while isinstance(awaited, CoroutineType):
        names.append(f"{awaited.__qualname__} ({Path(awaited.cr_code.co_filename).name})")
        awaited = awaited.cr_await
    return " > ".join(names) or task.get_name()


def _end_after(seconds: float) -> None:
    """End the process after so long if it still runs, whatever it is doing then."""
    timer = threading.Timer(seconds, _overdue)
    timer.daemon = True
    timer.start()


def _overdue() -> None:
    main = threading.main_thread()
    stack = traceback.extract_stack(sys._current_frames().get(main.ident or 0), SHOWN)
    _end_now(
        threads=[thread.name for thread in threading.enumerate() if not thread.daemon and thread is not main][:SHOWN],
        main=[f"{entry.name} ({Path(entry.filename).name}:{entry.lineno})" for entry in stack],
    )


def _end_now(**left: Sequence[str]) -> None:
    """End without the interpreter's exit, which waits for every thread and lets every coroutine have a last word."""
    # A line waits for ever where nobody empties the pipe, and late in an exit no thread can be started.
    with contextlib.suppress(RuntimeError):
        telling = threading.Thread(target=_tell, kwargs=left, daemon=True)
        telling.start()
        telling.join(LAST_S)
    os._exit(0)


def _tell(**left: Sequence[str]) -> None:
    log.warning("left_behind", **left)
    _flush()


def _flush() -> None:
    """Write out what is buffered; where nobody reads it, the interpreter shall not fail at the same at its exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _start_lines(server: ServerSettings, app: App) -> list[str]:
    host, port = server.host or _own_address(), app.server.port
    stock = "" if port == STOCK_PORT else f" The stock client knows port {STOCK_PORT} alone."
    lines = [f'The board is open on port {port}: users type {host} at "IP:".{stock}']
    if app.console is not None:
        lines += console_lines(app.settings.admin, app.console.port, app.setup_key)
    return [*lines, f"The data is in {app.data.resolve()}."]


def console_lines(settings: AdminSettings, port: int, setup_key: str | None) -> list[str]:
    """Return what to tell whoever starts a console."""
    scheme = "https" if settings.certificate else "http"
    url = f"{scheme}://{_in_url(settings.host or _own_address())}:{port}/"
    lines = [f"The console is at {url}{' for the proxy' if settings.behind_proxy else ''}."]
    if setup_key is not None:
        lines.append(f"It has no owner yet. To be the one, open {url}setup?key={setup_key} within an hour.")
    return lines


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    """Return the address under which other machines are likely to reach this one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(SOMEWHERE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
