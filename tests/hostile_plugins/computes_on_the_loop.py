"""Computes for ever in async code."""

from __future__ import annotations


async def misbehave() -> None:
    while True:
        pass
