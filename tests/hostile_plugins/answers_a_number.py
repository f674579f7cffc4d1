"""Answers something that has no rows."""

from __future__ import annotations


def misbehave() -> int:
    return 7
