"""Answers rows of which one is bytes."""

from __future__ import annotations


def misbehave() -> list[object]:
    return ["row", b"row"]
