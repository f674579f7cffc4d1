"""Waits on the event loop for longer than anyone has time."""

from __future__ import annotations

import asyncio


async def misbehave() -> None:
    await asyncio.sleep(999)
