"""Asks for the end of the process from the event loop."""

from __future__ import annotations

import sys


async def misbehave() -> None:
    sys.exit("a secret of /etc/bbs")
