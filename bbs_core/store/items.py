"""What the writer is handed: rows to append, and work to do on its connection."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa

# Whole numbers that JSON carries unchanged everywhere.
SESSION_ID_BITS = 53


def new_session_id() -> int:
    """Return an id that no session has had."""
    return secrets.randbits(SESSION_ID_BITS)


@dataclass(slots=True)
class Visit:
    """A session that gave its name; its id is drawn at random, and none is ever used again."""

    name: str
    address: str
    at_ms: int
    session_id: int = field(default_factory=new_session_id)

    @property
    def text(self) -> str:
        """What it weighs in the queue."""
        return self.name


@dataclass(slots=True)
class Departure:
    """A session that is gone."""

    session_id: int
    text: str = ""


class Author(Protocol):
    """Who hands in a row, and hears if it could not be kept."""

    def refused(self, kind: str, text: str, error: Exception) -> None:
        """Hear that a "post" or "message" is not kept."""


@dataclass(slots=True)
class NewPost:
    """A post on its way; the writer gives it its `id`, or its author hears why it was not kept."""

    author: Author
    name: str
    address: str
    text: str
    at_ms: int
    id: int = 0
    # Why it waits for review, shown to nobody; a post that is shown at once has no reason.
    held_for: str = ""


@dataclass(slots=True)
class NewMessage:
    """A message on its way, as `NewPost`."""

    author: Author
    name: str
    address: str
    recipient: str
    text: str
    at_ms: int
    id: int = 0


@dataclass(slots=True)
class Work:
    """A function of the writer's connection; it commits or rolls back alone, whatever stands beside it in the batch."""

    function: Callable[[sa.Connection], Any]
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None

    def complete(self) -> None:
        """Give the outcome to whoever holds the future."""
        if not self.future.set_running_or_notify_cancel():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Aside(Work):
    """Work that changes nothing of what the board shows, so nobody waits for more than its commit."""


class Alone(Aside):
    """Such work in a transaction of its own, which it may lose without harm to others: for statements of plugins."""


Item = Visit | Departure | NewPost | NewMessage | Work


@dataclass(slots=True)
class Batch:
    """What one turn of the writer decided; `rows` counts what was handed in to be appended, `characters` its texts."""

    rows: int = 0
    characters: int = 0
    posts: list[NewPost] = field(default_factory=list)
    messages: list[NewMessage] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    refused: list[tuple[Item, Exception]] = field(default_factory=list)
