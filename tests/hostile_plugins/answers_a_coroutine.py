"""Answers something that somebody forgot to await, and that comes to nothing."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any


async def answer() -> None:
    pass


def misbehave() -> Coroutine[Any, Any, None]:
    return answer()
