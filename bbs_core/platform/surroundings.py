"""What a whole process shares, and the import of a plugin may change without a thought of the others."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STREAMS = ("stdin", "stdout", "stderr")
HOOKS = ("excepthook", "unraisablehook")


def _attributes(module: Any, *names: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    return lambda: {name: getattr(module, name) for name in names}, vars(module).update


def _search_path(kept: list[str]) -> None:
    """A folder that a plugin has added comes last, so that no file of it stands for a module of the board."""
    added = [place for place in sys.path if place not in kept]
    sys.path = [*kept, *added]


def _log_handlers(kept: list[logging.Handler]) -> None:
    logging.root.handlers[:] = [*kept, *(one for one in logging.root.handlers if one not in kept)]


def _warning_filters(kept: list[Any]) -> None:
    there: Any = warnings.filters
    there[:] = kept


def _environment(kept: dict[str, str]) -> None:
    for name in kept.keys() - os.environ.keys():
        os.environ[name] = kept[name]


# How each is read, and how what was read is put back.
SHARED: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    _attributes(sys, *STREAMS, *HOOKS),
    _attributes(threading, "excepthook"),
    _attributes(warnings, "showwarning"),
    (lambda: list(warnings.filters), _warning_filters),
    (lambda: list(sys.path), _search_path),
    (lambda: list(logging.root.handlers), _log_handlers),
    (lambda: logging.root.manager.disable, logging.disable),
    (lambda: dict(os.environ), _environment),
    (Path.cwd, os.chdir),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.getswitchinterval, sys.setswitchinterval),
)


@contextlib.contextmanager
def kept_surroundings() -> Iterator[None]:
    """Put back afterwards what was changed or taken away; what was added stays."""
    with contextlib.ExitStack() as after:
        for read, put_back in SHARED:
            with contextlib.suppress(OSError):  # the folder may be gone
                after.callback(_tried, put_back, read())
        # First, as what is opened next would have the number of a stream.
        after.callback(_open_streams)
        yield


def _tried(put_back: Callable[[Any], Any], kept: Any) -> None:
    with contextlib.suppress(Exception):
        put_back(kept)


def _open_streams() -> None:
    """What is printed shall not end in a client's socket that has the number of a closed stream."""
    for number in range(len(STREAMS)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
