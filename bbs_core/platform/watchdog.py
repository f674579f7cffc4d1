"""Notice when the event loop stands still, say whose code it is in, and end what goes on beyond its deadline.

A thread asks the loop for a sign of life, and looks at the loop's stack while none comes. What is to end is ended by a
signal, whose handler runs in the loop's own thread (docs/decisions/0011-the-watchdog.md).
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from bbs_core.errors import PluginError
from bbs_core.platform.discovery import Plugin
from bbs_core.platform.pool import Interrupted

log = structlog.get_logger(__name__)

# What two looks in a row find is what blocks: with the pause before them, it is in the log within a second.
LOOK_S = 0.25
STOP_S = 2 * LOOK_S
# Ignored by default and of no other use here, so that one that comes late does nothing.
SIGNAL = signal.SIGURG
# Stack entries in a log line, the innermost ones.
SHOWN = 10


@dataclass(eq=False)
class Look:
    """The stack of the loop's thread, the innermost frame first, and which of it is one plugin's; without one, all."""

    stack: list[FrameType]
    plugin: Plugin | None
    own: list[FrameType]
    ended: bool = False

    def same(self, other: Look | None) -> bool:
        """Whether it is still the same call, known by the frame that entered the plugin."""
        return other is not None and self.own[-1] is other.own[-1]

    @property
    def is_in_own_code(self) -> bool:
        """Whether what runs is written in the plugin, and not what the plugin has called."""
        return self.stack[0] is self.own[0]


class Watchdog:
    """Watches one event loop from a thread; `start` and `stop` are called in the loop's own."""

    def __init__(self, plugins: Callable[[], Iterable[Plugin]]) -> None:
        self._plugins = plugins
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._overdue: Look | None = None

    def start(self) -> None:
        """Watch the running loop; only in the main thread, where signals are heard, can its calls be ended."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._can_end = threading.current_thread() is threading.main_thread()
        if self._can_end:
            signal.signal(SIGNAL, self._heard)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._thread.join(STOP_S)
        if self._can_end:
            signal.signal(SIGNAL, signal.SIG_DFL)

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            moved = threading.Event()
            if not self._in_loop(self._moved, moved):
                return
            self._see(moved)

    def _moved(self, moved: threading.Event) -> None:
        """Give the sign of life; a plugin may have taken the signal for itself."""
        if self._can_end and signal.getsignal(SIGNAL) != self._heard:
            signal.signal(SIGNAL, self._heard)
            log.warning("signal_taken_back", number=SIGNAL.name)
        moved.set()

    def _in_loop(self, function: Callable[..., None], *arguments: Any) -> bool:
        """Have the loop call a function; return whether there still is a loop."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            return False
        return True

    def _see(self, moved: threading.Event) -> None:
        """Look again and again until the loop has moved, and report each call that two looks in a row find."""
        began, before, blocked = time.monotonic(), None, None
        while not moved.wait(LOOK_S) and not self._over.is_set():
            look = self._look(sys._current_frames()[self._loop_thread])
            if blocked is not None and look.same(blocked):
                self._end_late(blocked, began)
            elif look.same(before):
                blocked = look
                self._report(look, began)
            before = look
        self._overdue = None

    def _look(self, innermost: FrameType | None) -> Look:
        homes = [(plugin, _home(plugin)) for plugin in self._plugins()]
        stack = [frame for frame, _ in traceback.walk_stack(innermost)]
        owners = [_owner(frame, homes) for frame in stack]
        plugin = next(filter(None, owners), None)
        return Look(stack, plugin, [frame for frame, owner in zip(stack, owners, strict=True) if owner is plugin])

    def _report(self, look: Look, began: float) -> None:
        frame, name = look.own[0], look.plugin.name if look.plugin else None
        line, function = frame.f_lineno, frame.f_code.co_qualname
        where = {"plugin": name, "file": str(_file(frame)), "line": line, "function": function}
        log.error("loop_blocked", **where, frames=[_place(entry) for entry in look.stack[:SHOWN]])
        self._in_loop(self._moves_again, look, where, began)

    def _moves_again(self, look: Look, where: dict[str, Any], began: float) -> None:
        """Hear in the loop that it moves; a call that was ended fails, and counts, by itself."""
        seconds = round(time.monotonic() - began, 1)
        log.warning("loop_moves_again", **where, seconds=seconds)
        runner = look.plugin.runner if look.plugin else None
        if runner is not None and not look.ended:
            place = f"{Path(where['file']).name}:{where['line']}"
            runner.failure("@loop", PluginError(f"It kept the event loop from all else for {seconds} s ({place})."))

    def _end_late(self, blocked: Look, began: float) -> None:
        runner = blocked.plugin.runner if blocked.plugin else None
        if self._can_end and runner is not None and time.monotonic() - began > runner.deadline_s:
            self._overdue = blocked
            signal.pthread_kill(self._loop_thread, SIGNAL)

    def _heard(self, _number: int, innermost: FrameType | None) -> None:
        """Raise in the call that is overdue, as if it had itself: nothing moves between this look and the raise."""
        overdue, look = self._overdue, self._look(innermost)
        if overdue is not None and look.same(overdue) and look.is_in_own_code:
            overdue.ended = True
            raise Interrupted


def _home(plugin: Plugin) -> Path:
    """Return the file or the folder that has the code of a plugin."""
    file = Path(getattr(plugin.module, "__file__", None) or plugin.origin).absolute()
    return file.parent if file.name == "__init__.py" else file


def _owner(frame: FrameType, homes: Iterable[tuple[Plugin, Path]]) -> Plugin | None:
    return next((plugin for plugin, home in homes if _file(frame).is_relative_to(home)), None)


def _file(frame: FrameType) -> Path:
    return Path(frame.f_code.co_filename).absolute()


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname} ({_file(frame).name}:{frame.f_lineno})"
