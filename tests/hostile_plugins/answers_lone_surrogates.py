"""Answers a row that no encoding can carry."""

from __future__ import annotations


def misbehave() -> list[str]:
    return ["half a \ud83d character"]
