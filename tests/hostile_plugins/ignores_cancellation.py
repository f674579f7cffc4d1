"""Waits on the event loop, and goes on waiting when it is told to stop; only the end of its loop is obeyed."""

from __future__ import annotations

import asyncio
import contextlib


async def misbehave() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(999)
    await asyncio.sleep(999)
