"""How often something may be done, written as "5/m", and the room that is left of it."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from bbs_core.public.arguments import SECONDS, duration

RATE = re.compile(r"(\d{1,5})/(\d{0,4}[smhd])")
# Longer than a day nobody remembers what they did, and a restart forgets it anyway.
LONGEST_S = 86_400
NAMES = {"d": "day", "h": "hour", "m": "minute", "s": "second"}


class Rate(NamedTuple):
    """So many times within a period; `str` says it as in "5 times a minute"."""

    times: int
    period_s: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what is written as 5/m, 1/10s or 20/h. Raises ValueError."""
        found = RATE.fullmatch(text) if isinstance(text, str) else None
        period = found[2] if found else ""
        made = cls(int(found[1]), _seconds(period)) if found else None
        if made is None or not 1 <= made.period_s <= LONGEST_S or not 1 <= made.times <= made.period_s * 1000:
            raise ValueError(f"{str(text)[:60]!r} is no rate: it is written as 5/m, 1/10s or 20/h, for a day at most")
        return made

    @property
    def pause_ms(self) -> int:
        """The time in which one use comes back."""
        return self.period_s * 1000 // self.times

    def __str__(self) -> str:
        often = "once" if self.times == 1 else f"{self.times} times"
        number, unit = _largest(self.period_s)
        article = "an" if unit == "hour" else "a"
        return f"{often} {article} {unit}" if number == 1 else f"{often} in {number} {unit}s"


def spoken(seconds: int) -> str:
    """Say a time to wait: what is longer than two minutes in whole minutes, and then in hours, rounded up."""
    step = next((one for one in (3600, 60) if seconds > 2 * one), 1)
    number, unit = -(-seconds // step), {3600: "hour", 60: "minute", 1: "second"}[step]
    return f"{number} {unit}{'s' if number != 1 else ''}"


def _seconds(period: str) -> int:
    return int(duration(period if period[0].isdigit() else f"1{period}").total_seconds())


def _largest(seconds: int) -> tuple[int, str]:
    """Return a time in the largest unit that divides it."""
    unit = next(unit for unit in NAMES if seconds % SECONDS[unit] == 0)
    return seconds // SECONDS[unit], NAMES[unit]
