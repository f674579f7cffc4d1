"""The public face for plugins: all that a plugin may import of the board.

A plugin is a module or package. A function of it that bears `@command` or `@hookimpl` is called by the server; its
first line of documentation is what `/help` shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pluggy

from bbs_core.errors import UserError
from bbs_core.words import PROJECT, WORD, hook_name

__all__ = [
    "Answer",
    "Board",
    "CommandInfo",
    "Mail",
    "Rows",
    "Session",
    "UserError",
    "async_wrapper",
    "command",
    "hookimpl",
    "never_blocks",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])

hookimpl = pluggy.HookimplMarker(PROJECT)


def __dir__() -> list[str]:
    return sorted(__all__)


class Rows(Protocol):
    """Rows that are fetched as they are read; only the board and the mail make them."""

    def __aiter__(self) -> AsyncIterator[str]:
        """Iterate over the rows as a user would read them."""


Answer = str | list[str] | tuple[str, ...] | Rows | None


class Board(Protocol):
    """The public board, as one session sees it."""

    def post(self, text: str) -> None:
        """Post under the session's name; it shows once it is stored."""

    def rows(self) -> Rows:
        """Return what `list` shows."""

    async def report(self, words: str) -> None:
        """Report the newest row that the session was shown and has these words to the staff. Raises UserError."""


class Mail(Protocol):
    """Direct messages, as one session sees them."""

    def send(self, to: str, text: str) -> None:
        """Send a message from the session's name."""

    def rows(self) -> Rows:
        """Return what `listdm` shows."""

    async def report(self, place: int) -> None:
        """Report a row of the session's last `listdm` to the staff; the first is 1. Raises UserError."""


@dataclass(frozen=True)
class CommandInfo:
    """A command as `/help` shows it."""

    word: str
    summary: str
    plugin: str


class Session(Protocol):
    """One live line and the user on it."""

    @property
    def username(self) -> str:
        """The name that the user gave; nobody has checked it."""

    @property
    def address(self) -> str:
        """The IP address, v4-mapped ones as v4."""

    @property
    def board(self) -> Board:
        """The public board."""

    @property
    def mail(self) -> Mail:
        """The user's mail."""

    @property
    def commands(self) -> Sequence[CommandInfo]:
        """Every command that works now, in the order of their words."""

    @property
    def online(self) -> Collection[str]:
        """The names on line, each once."""

    def notify(self, text: str) -> None:
        """Keep a notice for this session: it is shown after the rows of its next list. From any thread."""

    def end(self, reason: str = ...) -> None:
        """End the session: the user reads `reason` and all notices, and nothing more is taken. From any thread."""


def command(word: str) -> Callable[[_Function], _Function]:
    """Make a function the command `word`, such as "/roll"; it takes `session` and, if it likes, the rest as `text`.

    A word without a slash would otherwise be a post: it is taken only if the admin lists it in `plugins.bare_words`.
    Raises ValueError for a word that a user could not type.
    """
    if not WORD.fullmatch(word):
        raise ValueError(f"{word!r} is no command word: use small letters, digits, - and _, after a slash.")

    def mark(function: _Function) -> _Function:
        function.bbs_command = word  # type: ignore[attr-defined]
        return hookimpl(specname=hook_name(word))(function)

    return mark


def never_blocks(function: _Function) -> _Function:
    """Say that a plain function returns at once, so that it runs on the event loop and not in a thread."""
    function.bbs_never_blocks = True  # type: ignore[attr-defined]
    return function


def async_wrapper(function: _Function) -> _Function:
    """Make an async generator a wrapper of the hook whose name it bears.

    It yields once without a value where the wrapped call is to run, is sent that call's result (or thrown its error),
    and yields the result that is to stand instead.
    """
    function.bbs_async_wrapper = True  # type: ignore[attr-defined]
    return hookimpl(function)
