"""Does its work and answers nothing."""

from __future__ import annotations


def misbehave() -> None:
    pass
