"""What a plugin is given of the board: one live line and what its user may do, and the server behind all lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bbs_core.groups import EVERYONE
from bbs_core.public.records import Count, Post


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

    @property
    def shown_id(self) -> int:
        """The id of the newest post that the session was shown; 0 before its first `list`."""

    async def count(self, after_id: int = 0) -> Count:
        """Return how many posts after an id `list` shows, and how many its window leaves out. Raises UserError."""

    async def newest(self, limit: int, after_id: int = 0) -> list[str]:
        """Return the newest posts after an id, at most 200, as rows; they count as shown. Raises UserError."""

    async def search(self, words: str, limit: int = 20) -> list[str]:
        """Return the newest posts with all these words as rows, also from before a window. Raises UserError."""

    async def report(self, words: str) -> None:
        """Report the newest row that the session was shown and has these words to the staff. Raises UserError."""


class Mail(Protocol):
    """Direct messages, as one session sees them."""

    def send(self, to: str, text: str) -> None:
        """Send a message from the session's name."""

    def rows(self) -> Rows:
        """Return what `listdm` shows."""

    @property
    def shown_id(self) -> int:
        """The id of the newest message that the session was shown; 0 before its first `listdm`."""

    async def count(self, after_id: int = 0) -> int:
        """Return how many of the messages after an id `listdm` shows. Raises UserError."""

    async def newest(self, limit: int, after_id: int = 0) -> list[str]:
        """Return the newest messages after an id, as the board returns posts. Raises UserError."""

    async def report(self, place: int) -> None:
        """Report a row of the session's last `listdm` to the staff; the first is 1. Raises UserError."""


@dataclass(frozen=True)
class Example:
    """What may be typed, and the regular expression that the rows of its answer match, joined by line feeds."""

    typed: str
    like: str


@dataclass(frozen=True)
class CommandInfo:
    """A command as `/help` and the console show it.

    `usage` is what to type, as in "/roll [sides]"; `help` is the whole documentation, and `schema` a JSON schema of the
    parameters. `may` is the group that may use it, and `rate` how often, as in "5 times a minute".
    """

    word: str
    summary: str
    plugin: str
    usage: str = ""
    help: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    may: str = EVERYONE
    rate: str = ""


@dataclass(frozen=True)
class User:
    """A name that has come to the board, or was written to."""

    id: int
    name: str
    online: bool


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
        """Every command that works now and that this user may use, in the order of their words."""

    @property
    def online(self) -> Collection[str]:
        """The names on line, each once."""

    async def user(self, name: str) -> User | None:
        """Return the user of a name, or None where nobody has ever heard of it."""

    def notify(self, text: str) -> None:
        """Keep a notice for this session: it is shown after the rows of its next list. From any thread."""

    def end(self, reason: str = ...) -> None:
        """End the session: the user reads `reason` and all notices, and nothing more is taken. From any thread."""


class Server(Protocol):
    """The board as one plugin may act on it when no user asks; in the loop's thread."""

    @property
    def online(self) -> Collection[str]:
        """The names on line, each once."""

    async def user(self, name: str) -> User | None:
        """Return the user of a name, or None where nobody has ever heard of it."""

    async def notify(self, name: str, text: str) -> None:
        """Keep a notice for a user until they have read it, on line or not. Raises UserError for an unknown name."""

    async def announce(self, text: str, hours: int = 24) -> None:
        """Show a row to everyone once in each session, for some hours; an act of the plugin. Raises UserError."""

    async def post(self, text: str) -> None:
        """Post in the name of the board; an act of the plugin. Raises UserError."""

    async def posts(self, newest: int = 100) -> Sequence[Post]:
        """Return those that are shown of the newest posts, at most 1,000, the oldest first."""

    async def mute(self, name: str, minutes: int, reason: str) -> None:
        """Let a user write nothing for some minutes, unless they are muted already; an act. Raises UserError."""

    async def http_post(
        self, url: str, body: str, secret: str = "", *, timeout_s: float = 10.0, allow_private: bool = False
    ) -> None:
        """Send JSON to another server, signed with a secret. Raises UserError unless it answers that all is well.

        Only public addresses are dialled, unless `allow_private`; no redirect is followed.
        """

    def begin(self, name: str, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Have an async function go on by itself, with no deadline, unless one of this name still does.

        It is cancelled when the plugin ends. What it raises is a failure like any other. Raises UserError where a
        hundred others of the plugin still go on.
        """
