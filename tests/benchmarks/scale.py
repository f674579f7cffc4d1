"""How much is measured: enough for figures that hold, or just enough to see that the benchmarks work."""

from __future__ import annotations

from dataclasses import dataclass

from tests.console.crowded import Crowd


@dataclass(frozen=True)
class Scale:
    """Numbers of things in one turn, and of turns."""

    turns: int = 5
    posts: int = 200_000
    pairs: int = 40
    lists: int = 500
    single_lists: int = 500
    idle_connections: int = 4000
    histories: tuple[int, ...] = (1000, 10_000, 100_000, 1_000_000)
    mailboxes: int = 100_000
    messages: int = 1000
    plugins: int = 30
    attacks: int = 10
    attack_turns: int = 3
    attack_seconds: float = 2.0
    crowds: tuple[Crowd, ...] = (Crowd(1000, 1000, 1000, 1000, 100), Crowd(100_000, 1_000_000, 100_000, 100_000, 1000))
    page_loads: int = 5
    busy_turns: int = 3
    busy_seconds: float = 4.0


FULL = Scale()
CROWDS = (Crowd(100, 100, 100, 100, 50), Crowd(200, 300, 100, 100, 50))
QUICK = Scale(1, 2000, 2, 10, 5, 50, (100, 1000), 100, 100, 3, 1, 1, 0.2, CROWDS, 1, 1, 0.5)
