"""Waits for ever when it is told of posts, messages or acts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bbs_core.plugin import Act, Message, Post, hookimpl


@hookimpl
async def bbs_posts_committed(posts: Sequence[Post]) -> None:
    await asyncio.sleep(999)


@hookimpl
async def bbs_messages_committed(messages: Sequence[Message]) -> None:
    await asyncio.sleep(999)


@hookimpl
async def bbs_acts_recorded(acts: Sequence[Act]) -> None:
    await asyncio.sleep(999)
