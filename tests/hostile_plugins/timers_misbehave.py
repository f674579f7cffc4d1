"""Has timers that raise, exit, wait for ever and compute for ever, and says so at its start and its end."""

from __future__ import annotations

import asyncio
import sys

from bbs_core.plugin import every, hookimpl


@every("1s")
def fail() -> None:
    raise RuntimeError("a secret of /etc/bbs")


@every("1s")
async def leave() -> None:
    sys.exit("a secret of /etc/bbs")


@every("1s")
async def wait() -> None:
    await asyncio.sleep(999)


@every("1s")
def compute() -> None:
    while True:
        pass


@hookimpl
def bbs_server_started() -> None:
    raise RuntimeError("a secret of /etc/bbs")


@hookimpl
async def bbs_server_stopping() -> None:
    await asyncio.sleep(999)
