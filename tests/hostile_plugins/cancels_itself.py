"""Raises what asyncio raises in a call that was cancelled, though nobody has cancelled it."""

from __future__ import annotations

import asyncio


async def misbehave() -> None:
    raise asyncio.CancelledError
