"""Starts tasks that nobody waits for: one raises, one refuses to be cancelled."""

from __future__ import annotations

import asyncio
import contextlib

tasks: list[asyncio.Task[None]] = []


async def fail() -> None:
    raise RuntimeError("a secret of /etc/bbs")


async def stay() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(999)


async def misbehave() -> None:
    tasks.extend(map(asyncio.ensure_future, (fail(), stay())))
