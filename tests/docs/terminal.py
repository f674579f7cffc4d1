"""A program on a terminal of its own, as a person has it: what is typed shows among what is printed."""

from __future__ import annotations

import codecs
import os
import pty
import select
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TIMEOUT_S = 20


class Terminal:
    """Type for a program, and read its screen."""

    def __init__(self, command: Sequence[str], folder: Path | None = None) -> None:
        self._keyboard, screen = pty.openpty()
        # Without a session of its own the program could ask at the terminal of whoever runs the tests.
        self._program = subprocess.Popen(
            command, cwd=folder, stdin=screen, stdout=screen, stderr=screen, start_new_session=True
        )
        os.close(screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._screen = ""

    def type(self, line: str) -> None:
        """Type a line; call it when the program has asked for one."""
        os.write(self._keyboard, f"{line}\n".encode())

    def read_to(self, end: str) -> str:
        """Read until the screen ends so, and return what is new on it."""
        while not self._screen.endswith(end):
            piece = self._read()
            assert piece is not None, f"The program has ended instead of showing {end!r}: {self._screen}"
            self._screen += piece
        return self._taken()

    def read_all(self) -> str:
        """Read until the program has ended, and return what is new on the screen."""
        while (piece := self._read()) is not None:
            self._screen += piece
        return self._taken()

    def close(self) -> int:
        """Take the terminal away; returns the program's exit code."""
        os.close(self._keyboard)
        return self._program.wait(TIMEOUT_S)

    def _taken(self) -> str:
        taken, self._screen = self._screen, ""
        return taken.replace("\r\n", "\n")

    def _read(self) -> str | None:
        assert select.select([self._keyboard], [], [], TIMEOUT_S)[0], f"Nothing more came: {self._screen}"
        try:
            data = os.read(self._keyboard, 4096)
        except OSError:  # Linux says so at the end, where other systems read nothing
            return None
        return self._decoder.decode(data) if data else None


@contextmanager
def terminal(command: Sequence[str], folder: Path | None = None) -> Iterator[Terminal]:
    """Run a program on a terminal for the length of a `with` block."""
    opened = Terminal(command, folder)
    try:
        yield opened
    finally:
        opened.close()
