"""Waits for ever whenever somebody connects, comes or goes."""

from __future__ import annotations

import asyncio

from bbs_core.plugin import Refuse, hookimpl


@hookimpl
async def bbs_screen_connection() -> Refuse | None:
    await asyncio.sleep(999)
    return None


@hookimpl
async def bbs_session_opened() -> None:
    await asyncio.sleep(999)


@hookimpl
async def bbs_session_closed() -> None:
    await asyncio.sleep(999)
