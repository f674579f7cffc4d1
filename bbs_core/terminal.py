"""The screen and the keyboard of `bbs connect`: lines in, safe rows out, and no prompts when it is a pipe."""

from __future__ import annotations

import contextlib
import io
import sys

from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from bbs_core.rows import NOTICE_MARK, visible

HINT = "Each line is posted as it is, but for these words: list, listdm, dm, quit."


class Terminal:
    """Ask a person for lines and show rows; with a pipe at either end, only rows go to standard output."""

    def __init__(self) -> None:
        _survive_any_encoding()
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._out = Console()
        self._err = Console(stderr=True)
        if self.interactive:
            _edit_lines()

    def ask(self, prompt: str) -> str:
        """Return the next line. Raises EOFError where the input ends."""
        return input(visible(prompt) if self.interactive else "")

    def show(self, row: str) -> None:
        """Print a row of the server's, whose text is never markup and never a control sequence."""
        _print(self._out, visible(row), "dim italic" if row.startswith(NOTICE_MARK) else "")

    def hint(self, text: str) -> None:
        """Print words of our own that a script has no use for."""
        if self.interactive:
            _print(self._out, text, "cyan")

    def warn(self, sentence: str) -> None:
        """Print what went wrong, although the session goes on."""
        _print(self._err, sentence, "yellow")

    def end_line(self) -> None:
        """Leave the prompt's line, which Ctrl-D and Ctrl-C do not."""
        if self.interactive:
            _print(self._out, "")


def _print(console: Console, line: str, style: str = "") -> None:
    """Write a line as it is: rich's own text would expand the tabs, and could wrap."""
    console.print(Segments([Segment(line, Style.parse(style)), Segment.line()]), soft_wrap=True)


def _survive_any_encoding() -> None:
    """Show a replacement for what a terminal cannot write or a pipe has wrongly encoded, instead of failing."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _edit_lines() -> None:
    """Give `input` editing and a history, where the platform has them; the history is never written down."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
