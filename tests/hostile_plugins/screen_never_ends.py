"""Screens posts and messages, and for some of them waits or computes for ever."""

from __future__ import annotations

import asyncio

from bbs_core.plugin import Verdict, hookimpl


@hookimpl
async def bbs_screen_post(text: str) -> Verdict:
    if text == "make a screen wait":
        await asyncio.sleep(999)
    return None


@hookimpl
def bbs_screen_message(text: str) -> Verdict:
    while text == "make a screen compute":
        pass
    return None
