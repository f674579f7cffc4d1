"""Does in a process of its own what would end or fill the server, or keep it for ever."""

from __future__ import annotations

import ctypes
import os
import time

from bbs_core.plugin import command


@command("/eat", isolation="process")
def eat() -> str:
    """Take all memory."""
    return str(len([bytearray(1_000_000) for _ in range(10_000_000)]))


@command("/sleep", isolation="process")
def sleep() -> None:
    """Sleep where no Python runs."""
    time.sleep(999)


@command("/crash", isolation="process")
def crash() -> None:
    """Read where nothing is."""
    ctypes.string_at(0)


@command("/leave", isolation="process")
def leave() -> None:
    """End the process without a word."""
    os._exit(3)
