"""Measure contestants turn by turn, so that what the machine does meanwhile meets all of them; medians count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

OURS, ORIGINAL, BARE, REDIS = "ours", "original", "bare limit", "Redis"
# What stands for one unit of a figure with a bound of its own.
ALLOWED = "allowed"


@dataclass(frozen=True)
class Aim:
    """A ratio of two medians, what it must reach (or, with `at_most`, not pass), and what we would like."""

    of: str
    to: str
    gate: float | None
    aim: float | None = None
    at_most: bool = False

    def met(self, ratio: float, bound: float | None) -> bool:
        """Whether a ratio is good enough."""
        return bound is None or (ratio <= bound if self.at_most else ratio >= bound)


@dataclass(frozen=True)
class Figure:
    """The medians of one measure, by contestant."""

    name: str
    unit: str
    medians: Mapping[str, float]
    aims: list[Aim] = field(default_factory=list)

    def ratio(self, aim: Aim) -> float | None:
        """Return what an aim is about, None where one of the two was not measured."""
        if aim.of not in self.medians or aim.to not in self.medians:
            return None
        return self.medians[aim.of] / self.medians[aim.to]

    def failed(self) -> list[str]:
        """Say which gates are not met."""
        checked = [(aim, self.ratio(aim)) for aim in self.aims]
        return [
            f"{self.name}: {aim.of} to {aim.to} is {ratio:.2f}, and {aim.gate:g} is the gate"
            for aim, ratio in checked
            if ratio is not None and not aim.met(ratio, aim.gate)
        ]


Turn = Callable[[], float]


def contest(name: str, unit: str, turns: Mapping[str, Turn], aims: list[Aim], count: int) -> Figure:
    """Give each contestant `count` turns in alternation, after one that does not count where there are several."""
    warm_ups = int(count > 1)
    taken: dict[str, list[float]] = {contestant: [] for contestant in turns}
    for _ in range(warm_ups + count):
        for contestant, turn in turns.items():
            taken[contestant].append(turn())
    medians = {contestant: median(values[warm_ups:]) for contestant, values in taken.items()}
    return Figure(name, unit, medians, aims)
