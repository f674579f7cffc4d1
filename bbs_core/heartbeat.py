"""A server's sign of life in the database, with how it fares: the console reads it, wherever it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import sqlalchemy as sa
import structlog

from bbs_core.errors import StoreError
from bbs_core.presence import beat, leave_all

log = structlog.get_logger(__name__)

# Give a function of the writer's connection to the writer.
Call = Callable[[Callable[[sa.Connection], None]], Future[None]]

INTERVAL_S = 5.0
# A beat may wait behind a busy writer; the next one is no more than this late.
STOP_TIMEOUT_S = 0.5


class Heartbeat:
    """Write `status` every few seconds; a server that is alone on its database writes only what has changed."""

    def __init__(self, node: str, call: Call, status: Callable[[], dict[str, Any]], alone: bool) -> None:
        self._node = node
        self._call = call
        self._status = status
        self._alone = alone
        self._last = ""
        self._task: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Future[None]] = set()

    async def start(self) -> None:
        """Say that the server is there; sessions that an earlier one left behind are forgotten."""
        if self._alone:
            await self._write(lambda connection: leave_all(connection, None))
        await self.tell()
        self._task = asyncio.create_task(self._go_on())

    async def tell(self) -> None:
        """Write the status now, if it has to be. Raises StoreUnavailable."""
        status = json.dumps(self._status())
        if not self._alone or status != self._last:
            await self._write(lambda connection: beat(connection, self._node, status, self._alone))
            self._last = status

    def soon(self) -> None:
        """Have the status written without waiting for it: whoever calls may hold the writer up."""
        telling = asyncio.ensure_future(self._try())
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def stop(self) -> None:
        """Say that the server is gone; call it while the writer still writes."""
        if self._task is not None:
            self._task.cancel()
        try:
            await asyncio.wait_for(self._write(lambda connection: leave_all(connection, self._node)), STOP_TIMEOUT_S)
        except (TimeoutError, StoreError):
            log.warning("heartbeat_left", node=self._node)

    async def _write(self, function: Callable[[sa.Connection], None]) -> None:
        """No thread waits for the writer: one that did would keep the loop from its end."""
        await asyncio.wrap_future(self._call(function))

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.tell()
        except StoreError as error:
            log.warning("heartbeat_missed", error=str(error))
