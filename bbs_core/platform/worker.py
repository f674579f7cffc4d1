"""The process of one plugin: `python -m bbs_core.platform.worker MEMORY_BYTES ENTRY PATH`, started by isolation.py.

It imports the plugin by its entry point or its path, says so, and answers each line of JSON with another until there
are no more. Nothing of the server is imported here.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, BinaryIO

from bbs_core.errors import PluginError, UserError
from bbs_core.platform.modules import import_file
from bbs_core.public.arguments import Form
from bbs_core.traces import trace_of

# An answer has at most 2,000,000 characters, of four bytes each, and 10,000 rows.
LINE_BYTES = 9_000_000
# An import that takes longer was none that the server could have done.
START_S = 20
PR_SET_PDEATHSIG = 1

Command = tuple[Form, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Caller:
    """What a function here is given as `session`."""

    username: str
    address: str


def main(memory_bytes: int, entry: str, path: Path) -> None:
    """Answer lines for as long as there are any."""
    _end_with_the_server()
    asked, said = _take_pipes()
    _tell_without_texts()
    # No handler: the kernel ends what hangs in an import.
    signal.alarm(START_S)
    commands: dict[str, Command] = {}
    _say(said, partial(_import, commands, entry, path))
    signal.alarm(0)
    _limit(memory_bytes)
    for line in asked:
        _say(said, partial(_call, commands, line))
    # Without the interpreter's exit, which would wait for the plugin's threads.
    os._exit(0)


def _end_with_the_server() -> None:
    """Have the kernel end this process with the server, though a call into C keeps it from seeing its input end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return this process's input and output; what the plugin prints goes to stderr, which is the server's."""
    asked, said = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return asked, said


def _tell_without_texts() -> None:
    """Print of errors that nobody catches what the server's log would tell, and of a crash where it was."""
    sys.excepthook = lambda _kind, error, _trace: _tell(error)
    threading.excepthook = lambda failure: _tell(failure.exc_value)
    sys.unraisablehook = lambda failure: _tell(failure.exc_value)
    faulthandler.enable()


def _tell(error: BaseException | None) -> None:
    if error is not None:
        sys.stderr.write(trace_of(error) + "\n")


def _limit(memory_bytes: int) -> None:
    """Bound what calls may map beyond what is mapped now.

    An interpreter with pydantic and a small plugin has mapped about 40 MiB, 32 of them resident; with a large library
    it is several times as much, so that no fixed limit would do.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _import(commands: dict[str, Command], entry: str, path: Path) -> None:
    source = path / "__init__.py" if path.is_dir() else path
    module = EntryPoint("", entry, "").load() if entry else import_file(source)
    for function in vars(module).values():
        if getattr(function, "bbs_isolated", None) is True:
            word = function.bbs_command
            commands[word] = Form(word, function), function


def _call(commands: Mapping[str, Command], line: bytes) -> Any:
    question = json.loads(line)
    form, function = commands[question["word"]]
    caller = Caller(question["username"], question["address"])
    return form.call(function, {"session": caller}, form.words(question["text"]))


def _say(said: BinaryIO, work: Callable[[], Any]) -> None:
    """Write what came of some work and, where it failed, whether this process is fit for more."""
    try:
        line = _line(_outcome(work))
    except BaseException as error:  # noqa: BLE001 - told to the server
        fit = isinstance(error, Exception) and not isinstance(error, MemoryError)
        line = _line({"failed": trace_of(error), "fit": fit})
    said.write(line)
    said.flush()


def _outcome(work: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"answer": work()}
    except UserError as error:
        return {"told": str(error)}


def _line(outcome: dict[str, Any]) -> bytes:
    # What JSON does not know is no row either, and neither is a number: the server says so.
    text = json.dumps(outcome, ensure_ascii=False, default=lambda _: 0)
    line = text.encode("utf-8", "surrogatepass") + b"\n"
    if len(line) > LINE_BYTES:
        raise PluginError(f"It answered more than {LINE_BYTES:,} bytes.")
    return line


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
