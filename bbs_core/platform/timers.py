"""Functions of plugins that are called again and again."""

from __future__ import annotations

from bbs_core.clock import sleep
from bbs_core.errors import BBSError
from bbs_core.platform.implementation import Implementation


async def repeat(function: Implementation, pause_s: float) -> None:
    """Call a function, each time so long after it has ended; after a failure too, which is logged and counts."""
    while True:
        await sleep(pause_s)
        if function.runner.off:
            continue
        try:
            await function.call({"server": function.runner.server})
        except BBSError:
            continue
