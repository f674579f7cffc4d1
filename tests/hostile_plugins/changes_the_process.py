"""Changes at its import what the whole process shares: where modules are found, the folder, streams and more."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import warnings

from bbs_core.plugin import command

sys.path[:] = ["/nowhere"]
os.chdir("/")
os.environ.clear()
socket.setdefaulttimeout(0.001)
logging.disable(logging.CRITICAL)
logging.getLogger().handlers.clear()
warnings.simplefilter("error")
sys.excepthook = sys.stdout = sys.stderr = None  # type: ignore[assignment]
os.close(0)


@command("/take-signals")
async def take_signals() -> None:
    """Keep the process from hearing what it is told to do."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGURG):
        signal.signal(number, signal.SIG_IGN)
