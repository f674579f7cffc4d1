"""What was committed, told to each plugin from where it was left: at least once, in order, some rows at a time."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

import structlog

from bbs_core.errors import BBSError
from bbs_core.ledger import acts_after, last_act_id
from bbs_core.platform.implementation import Implementation
from bbs_core.public.records import Act, Message, Post
from bbs_core.store import positions, reads
from bbs_core.store.access import Connection
from bbs_core.store.readers import Readers

log = structlog.get_logger(__name__)

# Rows read at a time, after which the place is kept, and rows told at a time: few enough for the deadline of a call.
READ_ROWS, TOLD_ROWS = 2_000, 500
# Then it rests so many times as long as that took, but no longer than this: while everyone posts, telling has a quarter
# of what there is for all.
RESTS, LONGEST_REST_S = 3, 0.1
# Nobody rings for what another server has committed.
LOOK_S = 2.0
# After a failure, doubled each time: a plugin whose own server is away for a while is not asked all the time.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
# A server that tells a plugin says so as often as it moves on; one that is silent for so long has died.
LEASE_S = 20


class Told(NamedTuple):
    """Rows to tell, and the id up to which all were looked at."""

    rows: Sequence[Any]
    through_id: int


class Feed(NamedTuple):
    """What a hook tells of: its parameter, how to read on, and where it ends now."""

    parameter: str
    read: Callable[[Connection, int], Told]
    last_id: Callable[[Connection], int]


def _posts(connection: Connection, after_id: int) -> Told:
    found = reads.posts_after(connection, after_id, READ_ROWS)
    # By their place: their names take longer than all else.
    shown = [Post(*row[:-1]) for row in found if row[-1] == reads.VISIBLE]
    return Told(shown, found[-1].id if found else after_id)


def _messages(connection: Connection, after_id: int) -> Told:
    found = reads.messages_after(connection, after_id, READ_ROWS)
    # One that was erased came from nowhere.
    told = [Message(row.id, row.name, to, row.text, row.at_ms) for to, row in found if row.address]
    return Told(told, found[-1][1].id if found else after_id)


def _acts(connection: Connection, after_id: int) -> Told:
    kept = ("id", "actor_kind", "action", "target_kind", "target_id", "at_ms")
    found = acts_after(connection, after_id)[:READ_ROWS]
    told = [Act(reason=row["reason_text"] or "", **{name: row[name] for name in kept}) for row in found]
    return Told(told, told[-1].id if told else after_id)


FEEDS = {
    "bbs_posts_committed": Feed("posts", _posts, reads.last_post_id),
    "bbs_messages_committed": Feed("messages", _messages, reads.last_message_id),
    "bbs_acts_recorded": Feed("acts", _acts, last_act_id),
}


class Delivery:
    """Tell one plugin by one hook; on a shared database one server does so at a time."""

    def __init__(
        self,
        function: Implementation,
        node: str,
        readers: Readers,
        write: Callable[[Callable[[Connection], Any]], Future[Any]],
    ) -> None:
        self._function = function
        self._feed = FEEDS[function.hook]
        self._name = f"{function.runner.plugin}:{function.hook}"
        self._node = node
        self._readers = readers
        self._write = write
        self._news = asyncio.Event()
        self._resting = asyncio.Event()
        # Whether somebody waits for all to be told.
        self._hurry = asyncio.Event()
        # Whether nothing is told for now, or any more.
        self._away = False
        self._through_id = 0
        self._held_until = 0.0
        # Another server tells this plugin, and is not asked about it at every ring.
        self._theirs_until = 0.0

    def ring(self) -> None:
        """Look soon: something was committed."""
        self._news.set()

    async def take_place(self) -> None:
        """Take the place from which rows are told; where the database is away, that is done later."""
        with contextlib.suppress(BBSError):
            await self._is_ours()

    async def caught_up(self) -> None:
        """Wait until all that is committed was told, or telling has failed; for tests."""
        if not self._away:
            self._resting.clear()
            self.ring()
            self._hurry.set()
            await self._resting.wait()
            self._hurry.clear()

    async def run(self) -> None:
        """Tell what comes, until this is cancelled."""
        try:
            await self._go_on()
        finally:
            self._go_away()

    async def _go_on(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            try:
                moved = await self._tell_more()
                pause_s = FIRST_PAUSE_S
            except BBSError as error:
                log.warning("not_told", feed=self._name, error=str(error), again_in_s=pause_s)
                self._go_away()
                await asyncio.sleep(pause_s)
                self._away = False
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            if moved:
                await self._rest(RESTS * (time.monotonic() - began))
            else:
                await self._wait()

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), min(seconds, LONGEST_REST_S))

    def _go_away(self) -> None:
        self._away = True
        self._resting.set()

    async def _tell_more(self) -> bool:
        """Tell the next rows; returns whether there were any. Raises BBSError, after which the same rows are next."""
        self._news.clear()
        if self._function.runner.off or not await self._is_ours():
            return False
        told = await self._readers.read(lambda connection: self._feed.read(connection, self._through_id))
        if told.through_id == self._through_id:
            return False
        await self._tell(told)
        return True

    async def _tell(self, told: Told) -> None:
        """Tell some rows after the others, and keep the place that was reached, also where one call fails."""
        reached = self._through_id
        try:
            for first in range(0, len(told.rows), TOLD_ROWS):
                if first and self._lease_ends:
                    return
                rows = told.rows[first : first + TOLD_ROWS]
                await self._function.call({self._feed.parameter: rows})
                self._through_id = rows[-1].id
            self._through_id = told.through_id
        finally:
            if self._through_id > reached:
                await self._call(lambda connection: positions.move(connection, self._name, self._through_id))

    @property
    def _lease_ends(self) -> bool:
        return time.monotonic() > self._held_until - LEASE_S / 2

    async def _is_ours(self) -> bool:
        """Whether no other server tells this plugin; we say in time that we go on."""
        now = time.monotonic()
        if now < self._theirs_until:
            return False
        if self._lease_ends:
            found = await self._call(lambda c: positions.take(c, self._name, self._node, LEASE_S, self._feed.last_id))
            if found is None:
                self._theirs_until = now + LOOK_S
                return False
            self._through_id = found
            self._held_until = now + LEASE_S if self._node != positions.ALONE else math.inf
        return True

    async def _call(self, do: Callable[[Connection], Any]) -> Any:
        return await asyncio.wrap_future(self._write(do))

    async def _wait(self) -> None:
        if not self._news.is_set():
            self._resting.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), LOOK_S)
