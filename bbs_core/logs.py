"""Log lines: one event each, for people on a terminal and as JSON elsewhere; texts and secrets are never in them.

What callers must not log is masked here a second time, and what a user sent can neither break a line nor steer the
terminal that shows it.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

from bbs_core.rows import visible
from bbs_core.traces import summary, trace_of

MASK = "***"
MASKED = frozenset(
    {
        *("text", "texts", "message", "post", "row", "rows", "body", "reason", "note"),
        *("password", "secret", "token", "key", "authorization", "cookie", "session_id", "csrf_token"),
    }
)
# Libraries that tell their daily work at "info"; waitress would say there what the start lines say already.
QUIET = ("alembic", "asyncio", "sqlalchemy", "waitress")
LEADING = ("timestamp", "level", "logger")

log = structlog.get_logger(__name__)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Event = MutableMapping[str, Any]


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to the stream, and stays silent where that is gone: a server goes on without its terminal."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def configure(
    level: Literal["debug", "info", "warning", "error"], format: Literal["auto", "text", "json"], stream: TextIO | None
) -> None:
    """Send the log lines of this process, and of the libraries in it, to `stream`; the last call holds.

    None, as Python has it for a stream that was closed at the start, is nowhere.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    first: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_traceback),
    ]
    structlog.configure(
        processors=[*first, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    terminal = stream is not None and stream.isatty()
    as_text = format == "text" or (format == "auto" and terminal)
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _clean, *_renderers(as_text, terminal)]
    handler = _Handler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[*first, _first_line], processors=last))
    _install(handler, number)


def catch() -> None:
    """Make log lines of what Python would print by itself; asyncio hands its own errors to the log already."""
    threading.excepthook = _thread_failed
    sys.unraisablehook = _error_ignored
    sys.excepthook = _process_failed
    warnings.showwarning = _warned


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    if not isinstance(failure.exc_value, SystemExit):
        name = failure.thread.name if failure.thread else None
        log.error("thread_failed", thread=name, exc_info=failure.exc_value)


def _error_ignored(failure: sys.UnraisableHookArgs) -> None:
    # The repr of what raised it may hold a text; its name does not.
    where = getattr(failure.object, "__qualname__", type(failure.object).__qualname__)
    log.error("error_ignored", where=where, exc_info=failure.exc_value)


def _process_failed(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    log.critical("process_failed", exc_info=error)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    # The message is anyone's; the place tells whoever wrote the code enough.
    log.warning("python_warning", category=category.__qualname__, where=f"{filename}:{lineno}")


def _install(handler: _Handler, number: int) -> None:
    root = logging.getLogger()
    for earlier in [present for present in root.handlers if isinstance(present, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(number)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _renderers(as_text: bool, colors: bool) -> list[Processor]:
    if not as_text:
        return [structlog.processors.JSONRenderer()]
    # Quotes keep a value with a space in it from looking like several.
    return [structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, repr_native_str=True)]


def _first_line(_logger: Any, _method: str, event: Event) -> Event:
    """Cut a library's line where asyncio goes on with the repr of an error, and with it the error's message."""
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _clean(_logger: Any, _method: str, event: Event) -> Event:
    """Mask and escape all but the traceback, which is ours, and put first what a reader looks for first."""
    ours = {key: event.pop(key) for key in (*LEADING, "exception") if key in event}
    trace = {"exception": ours.pop("exception")} if "exception" in ours else {}
    return {**ours, **{key: _cleaned(key, value) for key, value in event.items()}, **trace}


def _cleaned(key: str, value: Any) -> Any:
    if key.lower() in MASKED:
        return MASK
    match value:
        case str():
            return visible(value)
        case None | bool() | int() | float():
            return value
        case BaseException():
            return summary(value)
        case Mapping():
            return {str(inner): _cleaned(str(inner), item) for inner, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_cleaned("", item) for item in value]
    return visible(str(value))


def _traceback(exc_info: ExcInfo) -> str:
    return trace_of(exc_info[1])
