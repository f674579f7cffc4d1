"""Answers rows without end, one at a time."""

from __future__ import annotations

from collections.abc import Iterator


def rows() -> Iterator[str]:
    while True:
        yield "row"


def misbehave() -> Iterator[str]:
    return rows()
