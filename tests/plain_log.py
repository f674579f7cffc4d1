"""How the tests log, and how one that has logged its own way gives the others theirs back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


def log_plainly() -> None:
    """Print what is logged as text: the picture of a traceback, with all that was at hand, takes a second each."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure([structlog.stdlib.add_log_level, plain])


@contextmanager
def logging_kept() -> Iterator[None]:
    """Log as the tests do again at the end."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
        log_plainly()
