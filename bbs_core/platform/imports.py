"""Code of plugins that is run before anything of it is called: in a thread, for so long, and then left behind."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Generic, TypeVar

from bbs_core.errors import PluginError
from bbs_core.platform.pool import interrupt
from bbs_core.platform.surroundings import kept_surroundings

T = TypeVar("T")

# The board listens within ten seconds, whatever is in the folder: all plugins together have so long, and one of them
# so long; when the others have used it up, each still has a moment.
TOTAL_S = 6.0
ONE_S = 3.0
LEAST_S = 0.2


class Imports:
    """The time that the plugins of one set have for being imported."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + TOTAL_S

    def run(self, find: Callable[[], T], origin: str, what: str = "Its import") -> T:
        """Return what `find` does, or raise what it raises; PluginError where it takes too long."""
        limit_s = max(LEAST_S, min(ONE_S, self._ends - time.monotonic()))
        work = _Work(find)
        thread = threading.Thread(target=work.run, name=f"import-{Path(origin).name}", daemon=True)
        with kept_surroundings():
            thread.start()
            thread.join(limit_s)
        if not thread.is_alive():
            return work.result()
        where = _place(sys._current_frames().get(thread.ident or 0), origin)
        interrupt(thread.ident or 0)
        raise PluginError(f"{what} did not end within {limit_s:.1f} s{where}.")


class _Work(Generic[T]):
    def __init__(self, find: Callable[[], T]) -> None:
        self._find = find
        self._found: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._found.append(self._find())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            self._error = error

    def result(self) -> T:
        if isinstance(self._error, KeyboardInterrupt):
            # Only one that somebody has typed may end the start.
            raise PluginError("It raised KeyboardInterrupt.") from self._error
        if self._error is not None:
            raise self._error
        return self._found[0]


def _place(frame: FrameType | None, origin: str) -> str:
    """Return where in the plugin's own code it is, in words."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(origin):
            return f" ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
        frame = frame.f_back
    return ""
