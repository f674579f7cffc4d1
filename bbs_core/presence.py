"""Who is on line: the sessions of this server that have given a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol


class Present(Protocol):
    """What is known of a session on line."""

    @property
    def username(self) -> str: ...
    @property
    def address(self) -> str: ...


class Presence:
    """The sessions on line, in the order in which they came."""

    def __init__(self) -> None:
        self._sessions: dict[Present, None] = {}
        self._names: Counter[str] = Counter()

    def enter(self, session: Present) -> None:
        """Count a session in."""
        self._sessions[session] = None
        self._names[session.username] += 1

    def leave(self, session: Present) -> None:
        """Count a session out; one that never entered is passed over."""
        if self._sessions.pop(session, self) is None:
            self._names[session.username] -= 1
            if not self._names[session.username]:
                del self._names[session.username]

    def names(self) -> list[str]:
        """Return the names on line, each once, in the order in which they came."""
        return list(self._names)

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Present]:
        return iter(list(self._sessions))
