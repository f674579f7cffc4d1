"""Computes for ever."""

from __future__ import annotations


def misbehave() -> None:
    while True:
        pass
