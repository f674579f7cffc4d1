"""Has verbs of the command line that raise, exit, wait and answer what is no row."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from bbs_core.plugin import verb


@verb("fail")
def fail() -> None:
    raise RuntimeError("a secret of /etc/bbs")


@verb("leave")
async def leave() -> None:
    sys.exit("a secret of /etc/bbs")


@verb("wait")
async def wait() -> None:
    await asyncio.sleep(999)


@verb("babble")
def babble() -> Any:
    return {"row": 7}
