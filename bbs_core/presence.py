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
        self._sessions: dict[Present, str] = {}
        self._names: Counter[str] = Counter()

    def enter(self, session: Present) -> None:
        """Count a session in."""
        self._sessions[session] = session.username
        self._names[session.username] += 1

    def leave(self, session: Present) -> None:
        """Count a session out; one that never entered is passed over."""
        name = self._sessions.pop(session, None)
        if name is not None:
            self._names[name] -= 1
            if not self._names[name]:
                del self._names[name]

    def names(self) -> list[str]:
        """Return the names on line, each once, in the order in which they came."""
        return list(self._names)

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Present]:
        return iter(list(self._sessions))
