"""Where an error came from, told without what people wrote.

A traceback names its error's class, and repeats its message only where that speaks of code: `int(text)` puts the text
into the message of its ValueError.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from bbs_core.errors import BBSError, UserError, WorkerError
from bbs_core.rows import visible

# Their messages are names of modules, files, attributes and types.
SPEAKS_OF_CODE = (BBSError, ImportError, SyntaxError, NameError, AttributeError, TypeError, OSError)
TRACEBACK_ENTRIES = 30  # the innermost ones
CAUSES = 5


def trace_of(error: BaseException) -> str:
    """Return where an error and its causes came from, the first cause first, without what people wrote."""
    return "\n".join(reversed(list(_traces(error))))


def summary(error: BaseException) -> str:
    """Return the class of an error, and its message where that may be read by anybody."""
    name = type(error).__qualname__
    tells = isinstance(error, SPEAKS_OF_CODE) and not isinstance(error, UserError)
    return f"{name}: {visible(str(error))}" if tells else name


def _told_elsewhere(error: WorkerError) -> str:
    return "\n".join(map(visible, error.trace.splitlines()))


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__, -TRACEBACK_ENTRIES)) + summary(error)


def _traces(error: BaseException | None) -> Iterator[str]:
    for _ in range(CAUSES):
        if error is None:
            return
        yield _told_elsewhere(error) if isinstance(error, WorkerError) and error.trace else _trace(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
