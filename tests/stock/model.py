"""What the original server means, as a pure function of a conversation: frames in, frames out, no bytes.

It departs from the original in two places, both in the table of differences in docs/protocol.md: `show` turns one row
into the rows that are shown, and U+0000 is stored as U+2400.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Show = Callable[[str], list[str]]


def show_as_is(row: str) -> list[str]:
    return [row]


def stored(text: str) -> str:
    return text.replace("\0", "\u2400")


@dataclass
class Model:
    """The board: posts as (ip, text), messages by name, both oldest first."""

    show: Show = show_as_is
    posts: list[tuple[str, str]] = field(default_factory=list)
    messages: dict[str, list[str]] = field(default_factory=dict)

    def connect(self, name: str, ip: str = "127.0.0.1") -> ModelSession:
        return ModelSession(self, stored(name), ip)

    def post_rows(self) -> list[str]:
        return [f"{ip} {text}" for ip, text in self.posts]

    def message_rows(self, name: str) -> list[str]:
        return self.messages.get(name, [])


@dataclass
class ModelSession:
    """One line, which is at rest, inside a `dm` or ended."""

    model: Model
    name: str
    ip: str
    ended: bool = False
    dm: list[str] | None = None

    def send(self, frame: str) -> list[str] | None:
        """Take one frame; return the frames that answer it, the count first, or None where nothing is sent."""
        if self.ended:
            return None
        if self.dm is None:
            return self._obey(frame)
        self._collect(self.dm, frame)
        return None

    def _collect(self, dm: list[str], frame: str) -> None:
        dm.append(stored(frame))
        if len(dm) == 2:
            to, text = dm
            self.model.messages.setdefault(to, []).append(text)
            self.dm = None

    def _obey(self, frame: str) -> list[str] | None:
        match frame:
            case "quit":
                self.ended = True
            case "dm":
                self.dm = []
            case "list":
                return self._answer(self.model.post_rows())
            case "listdm" | "listdms":
                return self._answer(self.model.message_rows(self.name))
            case _:
                self.model.posts.append((self.ip, stored(frame)))
        return None

    def _answer(self, rows: list[str]) -> list[str]:
        shown = [part for row in rows for part in self.model.show(row)]
        return [str(len(shown)), *shown]


def left_out_row(count: int) -> str:
    """Return the row that stands before a list from which a window leaves so many posts out."""
    return "(1 earlier post is not shown.)" if count == 1 else f"({count} earlier posts are not shown.)"
