"""Sleeps in async code, so that the event loop stands still."""

from __future__ import annotations

import time


async def misbehave() -> None:
    time.sleep(3)  # noqa: ASYNC251
