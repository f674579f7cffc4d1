"""A plugin whose commands run in a process of its own and do there what they should not, and the waits for its end."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.platform.outside import put
from tests.stock.double import StockClient

WAIT_S = 20
# What hangs tells that it has begun, and which process has to end with it, by the pipe beside the folder of plugins.
LAB = """
    import contextlib
    import ctypes
    import os
    import signal
    import subprocess
    import sys
    from functools import partial
    from pathlib import Path

    from bbs_core.plugin import Rest, Session, UserError, command

    from .memory import kept

    isolated = partial(command, isolation="process")

    def begin(pid=os.getpid()):
        (Path(__file__).parents[2] / "begun").write_text(str(pid))

    @isolated("/hello")
    def hello(session: Session, times: int = 1):
        \"\"\"Say hello.\"\"\"
        return (f"Hello, {session.username} at {session.address}.",) * times

    @isolated("/pid")
    def pid():
        return str(os.getpid())

    @isolated("/keep")
    def keep(word: str):
        kept.append(word)
        return list(kept)

    @isolated("/tell")
    def tell(text: Rest):
        raise UserError(f"Not {text}.")

    @isolated("/parse")
    def parse(text: Rest):
        return int(text)

    @isolated("/look")
    def look(session, name: str):
        return str(getattr(session, name))

    @isolated("/answer")
    def answer(what: str):
        odd = {"nothing": None, "number": 5, "object": object(), "mixed": ["a", 1], "surrogate": chr(0xD800)}
        return {**odd, "most": ["\U0001f600" * 200] * 10_000, "more": "x" * 9_000_000}[what]

    @isolated("/modules")
    def modules():
        return [name for name in ("bbs_core.host", "bbs_core.store", "sqlalchemy", "structlog") if name in sys.modules]

    @isolated("/loop")
    def loop():
        begin()
        while True:
            pass

    @isolated("/sleep")
    def sleep():
        begin(subprocess.Popen(["sleep", "60"]).pid)
        ctypes.CDLL(None).sleep(60)

    @isolated("/holds-the-interpreter")
    def hold():
        begin()
        ctypes.PyDLL(None).sleep(60)

    @isolated("/segfault")
    def segfault():
        ctypes.string_at(0)

    @isolated("/leave")
    def leave():
        os._exit(3)

    @isolated("/exit")
    def leave_in_order():
        sys.exit(3)

    @isolated("/kill")
    def kill():
        os.kill(os.getpid(), signal.SIGKILL)

    @isolated("/eat")
    def eat(mebibytes: int):
        return f"{len(bytearray(mebibytes << 20)) >> 20} MiB"

    @isolated("/grow")
    def grow():
        rows = []
        while True:
            rows.append(str(len(rows)))

    @isolated("/garble")
    def garble(text: Rest):
        for descriptor in range(3, 100):
            with contextlib.suppress(OSError):
                os.write(descriptor, text.encode() + b"\\n")

    @isolated("/print")
    def printed():
        print('{"answer": "not this"}')
        os.write(1, b'{"answer": "nor this"}\\n')
        subprocess.run(["echo", "nor that"])
        return sys.stdin.read() + "this"
"""


def put_lab(data: Path) -> Path:
    """Write the plugin, and return its pipe."""
    put(data, "lab/__init__.py", LAB)
    put(data, "lab/memory.py", "kept = []\n")
    os.mkfifo(data / "begun")
    return data / "begun"


def answer(client: StockClient, typed: str) -> list[str]:
    """Return what a command answers."""
    client.post(typed)
    return [row.removeprefix("* ") for row in client.list() if row.startswith("* ")]


def person() -> Any:
    """Return what the board's side of a call needs to know of a session."""
    return SimpleNamespace(username="eve", address="127.0.0.1")


def ready(descriptor: int) -> bool:
    """Wait until there is something to read."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(WAIT_S * 1000))


@contextmanager
def told(pipe: Path) -> Iterator[Callable[[], str]]:
    """Yield a function that waits until a call has begun, and returns the process that it has told."""
    # As a writer too, so that neither end waits for the other, or finds it gone.
    descriptor = os.open(pipe, os.O_RDWR)

    def wait() -> str:
        assert ready(descriptor)
        return os.read(descriptor, 100).decode()

    try:
        yield wait
    finally:
        os.close(descriptor)


@contextmanager
def ends(pid: str) -> Iterator[None]:
    """Wait at the end for the end of a process that is there now."""
    descriptor = os.pidfd_open(int(pid))
    try:
        yield
        assert ready(descriptor)
    finally:
        os.close(descriptor)
