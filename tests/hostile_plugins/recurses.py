"""Calls itself until there is no stack left."""

from __future__ import annotations


def misbehave() -> None:
    misbehave()
