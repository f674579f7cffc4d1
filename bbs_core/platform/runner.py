"""How the functions of one plugin are called: with a deadline, timed, and counted where they fail."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog

from bbs_core.clock import now_ms
from bbs_core.errors import BBSError, PluginError, UserError
from bbs_core.incidents import NAME_CHARACTERS, Incident
from bbs_core.platform.pool import Interrupted, Pool
from bbs_core.traces import trace_of

log = structlog.get_logger(__name__)

INCIDENT_BYTES = 4
# A loop that wakes so much later than it was asked to has been kept from it.
STILL_S = 0.02
# What has ended in time may still have to be heard of.
LAST_SHARE = 0.05
# What becomes of a call that waits for it is no failure of its plugin.
SILENT = "The database does not answer in time."


class HookFailed(BBSError):
    """An implementation raised or took too long; the sentence is for the user, the incident for the log."""

    def __init__(self, plugin: str, hook: str, incident: str, what: str) -> None:
        super().__init__(f"The plugin {plugin} {what} (incident {incident}).")
        self.plugin = plugin
        self.hook = hook
        self.incident = incident


# What passes through a plugin and is no failure of it: what it tells the user, and what another one did.
OTHERS = (UserError, HookFailed)
SPEECHLESS = "A plugin had something to say and could not."


def plain(error: UserError | HookFailed) -> BBSError:
    """Return an error as it is told: in words that are there, and not made by the plugin when somebody reads them."""
    try:
        if type(error).__str__ is BaseException.__str__ and all(type(one) in (str, int) for one in error.args):
            return error
        return UserError(str.__str__(str(error)))
    except BaseException:  # noqa: BLE001 - it is code of a plugin's own
        return UserError(SPEECHLESS)


class Timings:
    """How long the calls of a plugin took that could take long; what never blocks is not timed."""

    def __init__(self) -> None:
        self.calls = 0
        self.total_s = 0.0
        self.slowest_s = 0.0

    def add(self, seconds: float) -> None:
        """Count a call."""
        self.calls += 1
        self.total_s += seconds
        self.slowest_s = max(self.slowest_s, seconds)

    @property
    def mean_s(self) -> float:
        """What a call took on average, 0 before the first."""
        return self.total_s / self.calls if self.calls else 0.0


class Runner:
    """How the functions of one plugin are called; counts what went wrong with them."""

    def __init__(self, plugin: str, deadline_s: float, pool: Pool | None, failed: Callable[[Incident], None]) -> None:
        self.plugin = plugin
        self.deadline_s = deadline_s
        self.pool = pool
        self.off = False
        # What functions of this plugin are given by these names; another set of settings is another object.
        self.server: Any = None
        self.settings: Any = None
        self.storage: Any = None
        self._in_flight = 0
        self._idle = asyncio.Event()
        self.timings = Timings()
        self._failed = failed

    @contextlib.contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count a call that is at work, so that the plugin's modules and threads stay until it has ended."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def idle(self) -> None:
        """Wait until no call is at work, or those that are have passed their deadline."""
        self._idle.clear()
        if self._in_flight:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), self.deadline_s)

    async def bounded(self, awaitable: Any, limit_s: float | None = None) -> Any:
        """Await something of the plugin until its deadline; what ignores being cancelled is left behind."""
        began, task = time.perf_counter(), asyncio.ensure_future(_contained(awaitable))
        try:
            await _wait_for(task, min(self.deadline_s, limit_s or self.deadline_s))
        finally:
            self.timings.add(time.perf_counter() - began)
            if not task.done():
                task.cancel()
                task.add_done_callback(_forget_outcome)
        if not task.done():
            raise UserError(SILENT) if self.storage is not None and self.storage.is_silent else TimeoutError
        return task.result()

    def failure(self, hook: str, error: BaseException, username: str = "") -> HookFailed:
        """Log an error of the plugin under a new incident and return what the caller is told."""
        number = secrets.token_hex(INCIDENT_BYTES)
        late = isinstance(error, TimeoutError | Interrupted)
        log.error("plugin_failed", plugin=self.plugin, hook=hook, incident=number, late=late, exc_info=error)
        name = username[:NAME_CHARACTERS]
        self._failed(Incident(number, now_ms(), self.plugin, hook, name, late, trace_of(error)))
        what = "did not answer in time" if late else "failed"
        return HookFailed(self.plugin, hook, number, what)


async def _wait_for(task: asyncio.Task[Any], limit_s: float) -> None:
    """Wait so long, and again where the loop has stood still: another plugin's deed is no fault of this one."""
    ends = time.perf_counter() + limit_s
    await asyncio.wait({task}, timeout=limit_s)
    if not task.done():
        stood_still = time.perf_counter() > ends + STILL_S
        await asyncio.wait({task}, timeout=limit_s if stood_still else limit_s * LAST_SHARE)


async def _contained(awaitable: Awaitable[Any]) -> Any:
    """A task that raised SystemExit or KeyboardInterrupt would end the loop, and the server with it."""
    try:
        return await awaitable
    except (SystemExit, KeyboardInterrupt) as error:
        raise PluginError(f"It raised {type(error).__name__}.") from error


def _forget_outcome(task: asyncio.Task[Any]) -> None:
    """Look at the outcome of a call that was given up, so that the loop does not report it as lost."""
    if not task.cancelled():
        task.exception()
