"""Answers something whose items are texts, and which is no sequence of rows."""

from __future__ import annotations


def misbehave() -> dict[str, str]:
    return {"row": "text"}
