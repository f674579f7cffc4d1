"""Answers more rows than anyone can read."""

from __future__ import annotations


def misbehave() -> list[str]:
    return ["row"] * 1_000_000
