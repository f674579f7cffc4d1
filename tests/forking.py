"""Processes of the product without the second that its imports take: one process has imported all, and forks.

What runs is the command line as users run it, in a process of its own; `tests/setup`, `tests/faults/test_stops.py` and
others begin with a new interpreter.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

IMPORTED = ("bbs_core.cli", "bbs_core.process", "admin.serving", "uvloop", "psycopg")
MESSAGE_BYTES = 1_000_000
START_TIMEOUT_S = 30


class Forked:
    """A process that the forking one has made; what of `subprocess.Popen` the tests need."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None
        self._over = threading.Event()

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises TimeoutExpired."""
        if not self._over.wait(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        assert self._code is not None
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self, code: int) -> None:
        """Hear that it has ended."""
        self._code = code
        self._over.set()


class Forker:
    """The process that forks, as the tests see it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.forking", str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        self._turn = threading.Lock()
        self._started: list[int] = []
        self._news = threading.Condition()
        self._running: dict[int, Forked] = {}
        self._ended: dict[int, int] = {}
        threading.Thread(target=self._hear, daemon=True, name="forker").start()

    def start(self, words: Sequence[str], environment: Mapping[str, str], folder: Path, files: Sequence[int]) -> Forked:
        """Run `bbs` with these words in a folder; `files` are its input, its output and its errors."""
        told = {"words": [*words], "environment": {**environment}, "folder": str(folder), "ignored": _ignored()}
        asked = json.dumps(told)
        with self._turn:
            socket.send_fds(self._socket, [asked.encode()], files)
            with self._news:
                assert self._news.wait_for(lambda: self._started, START_TIMEOUT_S), "Nothing was forked."
                pid = self._started.pop()
                forked = self._running[pid] = Forked(pid)
                if pid in self._ended:
                    forked.end(self._ended.pop(pid))
        return forked

    def _hear(self) -> None:
        while message := self._socket.recv(MESSAGE_BYTES):
            told = json.loads(message)
            with self._news:
                if "started" in told:
                    self._started.append(told["started"])
                elif told["ended"] in self._running:
                    self._running.pop(told["ended"]).end(told["code"])
                else:
                    self._ended[told["ended"]] = told["code"]
                self._news.notify_all()


@functools.cache
def forker() -> Forker:
    """Return the process that forks for this run of tests; it ends with it."""
    return Forker()


def _ignored() -> list[int]:
    """Return the signals that whoever starts a process has it ignore, as `nohup` does."""
    return [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN]


def _serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork for whoever asks; returns in each child what it is to do, and in the parent nothing, when nobody can ask."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    while True:
        ready = {key.fileobj for key, _ in selector.select()}
        if woken in ready:
            woken.recv(MESSAGE_BYTES)
            _reap(control)
        if control in ready:
            message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 3)
            if not message:
                return None
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for one in (selector, woken, wake, control):
                    one.close()
                return {**json.loads(message), "files": descriptors}
            for descriptor in descriptors:
                os.close(descriptor)
            control.send(json.dumps({"started": pid}).encode())


def _reap(control: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(ended[1])
            control.send(json.dumps({"ended": ended[0], "code": code}).encode())


def _become(environment: Mapping[str, str], folder: str, files: Sequence[int]) -> None:
    """Be as a new process in this folder would."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[1:1] = [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one not in sys.path]


def main() -> None:
    """Import all, then fork until nobody can ask any more."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asked = _serve(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        _become(asked["environment"], asked["folder"], asked["files"])
        for number in asked["ignored"]:
            signal.signal(number, signal.SIG_IGN)
        sys.argv = ["bbs", *asked["words"]]
        importlib.import_module("bbs_core.cli").main()


if __name__ == "__main__":
    main()
