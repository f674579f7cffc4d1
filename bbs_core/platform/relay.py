"""Call hooks on awaited values: pluggy's registration and order, with deadlines, a firewall and attribution.

pluggy's own loop takes a coroutine for a result, ends a wrapper before an async body begins, and does not say whose
implementation raised (docs/decisions/0004-hook-relay.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import pluggy
import structlog

from bbs_core.clock import now_ms
from bbs_core.errors import BBSError, PluginError, UserError
from bbs_core.incidents import NAME_CHARACTERS, Incident
from bbs_core.platform.pool import Interrupted, Pool
from bbs_core.public.arguments import OWN, own_names
from bbs_core.traces import trace_of

log = structlog.get_logger(__name__)

INCIDENT_BYTES = 4

# A failure that stops no other implementation: of who was told, or asked and has no say then.
NOBODY_ELSES = ("skip", "pass")


class HookFailed(BBSError):
    """An implementation raised or took too long; the sentence is for the user, the incident for the log."""

    def __init__(self, plugin: str, hook: str, incident: str, what: str) -> None:
        super().__init__(f"The plugin {plugin} {what} (incident {incident}).")
        self.plugin = plugin
        self.hook = hook
        self.incident = incident


# What passes through a plugin and is no failure of it: what it tells the user, and what another one did.
OTHERS = (UserError, HookFailed)


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

    async def bounded(self, awaitable: Any) -> Any:
        """Await something of the plugin until its deadline; what ignores being cancelled is left behind."""
        began, task = time.perf_counter(), asyncio.ensure_future(_contained(awaitable))
        try:
            await asyncio.wait({task}, timeout=self.deadline_s)
        finally:
            self.timings.add(time.perf_counter() - began)
            if not task.done():
                task.cancel()
                task.add_done_callback(_forget_outcome)
        if not task.done():
            raise TimeoutError
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


def taken(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return what of its plugin a function asks for, also where it is called by another one."""
    asked: tuple[str, ...] = getattr(function, "bbs_takes", ())
    return asked or own_names(inspect.signature(function))


def allow_own(manager: pluggy.PluginManager) -> None:
    """Have pluggy, which refuses what a hook does not specify, let functions ask for what is their plugin's own."""
    for caller in vars(manager.hook).values():
        caller.spec.argnames = (*caller.spec.argnames, *OWN)


class Implementation:
    """One function of one plugin for one hook."""

    __slots__ = (
        "_is_async",
        "_own",
        "_prepare",
        "_runs_here",
        "arguments",
        "function",
        "hook",
        "immediate",
        "runner",
    )

    def __init__(self, hook: str, function: Callable[..., Any], runner: Runner) -> None:
        self.hook = hook
        self.function = function
        # Those with a default too, which pluggy would leave out.
        self.arguments = tuple(inspect.signature(function).parameters)
        self.runner = runner
        self._own = taken(function)
        # What has to be awaited before a plain function can be called.
        self._prepare = getattr(function, "bbs_prepare", None)
        self._is_async = inspect.iscoroutinefunction(function)
        never_blocks = getattr(function, "bbs_never_blocks", False) or runner.pool is None
        self._runs_here = never_blocks and not self._is_async
        self.immediate = self._runs_here and self._prepare is None

    async def call(self, values: Mapping[str, Any]) -> Any:
        """Return the awaited result. Raises UserError as it is, and HookFailed for all else."""
        if self.immediate:
            return self.call_now(values)
        kwargs = self.kwargs(values)
        try:
            with self.runner.in_flight():
                if self._prepare is not None:
                    kwargs = await self._prepare(kwargs)
                result = await self._result(kwargs)
                return await self.runner.bounded(result) if inspect.isawaitable(result) else result
        except OTHERS:
            raise
        except BaseException as error:
            raise self.caught(error, values) from error

    def kwargs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the function is called with: its part of these values, and what it asks for of its plugin."""
        kwargs = {name: values[name] for name in self.arguments if name not in OWN}
        return {**kwargs, **{name: getattr(self.runner, name) for name in self._own}} if self._own else kwargs

    async def _result(self, kwargs: dict[str, Any]) -> Any:
        pool = self.runner.pool
        if self._is_async or pool is None or self._runs_here:
            result = self.function(**kwargs)
            return await self.runner.bounded(result) if self._is_async else result
        return await self.runner.bounded(pool.run(self.function, kwargs))

    def call_now(self, values: Mapping[str, Any]) -> Any:
        """Call a function that never blocks."""
        try:
            # Parameters were checked against the specification, so as many are the same ones.
            if len(self.arguments) == len(values) and not self._own:
                return self.function(**values)
            return self.function(**self.kwargs(values))
        except OTHERS:
            raise
        except BaseException as error:
            raise self.caught(error, values) from error

    def caught(self, error: BaseException, values: Mapping[str, Any]) -> BaseException:
        """Return what is to be raised for an error of the plugin; our own being cancelled is no error of it."""
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            return error
        return self.runner.failure(self.hook, error, getattr(values.get("session"), "username", ""))


class _Wrapped:
    """A wrapper that has begun: a generator that returns its result, or an async one that yields it."""

    def __init__(self, implementation: Implementation, values: Mapping[str, Any]) -> None:
        self._implementation = implementation
        self._values = values
        self._generator: Any = implementation.function(**implementation.kwargs(values))
        self._is_async = inspect.isasyncgen(self._generator)

    async def begin(self) -> None:
        try:
            if await self._step("send", None) is not None and not self._is_async:
                raise PluginError("A wrapper did not yield.")
        except OTHERS:
            raise
        except BaseException as raised:
            raise self._implementation.caught(raised, self._values) from raised

    async def finish(self, result: Any, error: BaseException | None) -> Any:
        if isinstance(error, asyncio.CancelledError):
            raise error
        try:
            step = await (self._step("throw", error) if error else self._step("send", result))
            if self._is_async:
                return step
            if step is None:
                raise PluginError("A wrapper yielded twice.")
            return step.result
        except OTHERS:
            raise
        except BaseException as raised:
            # An error that only passes through a wrapper stays the error of whoever raised it.
            if raised is error:
                raise
            raise self._implementation.caught(raised, self._values) from raised

    async def _step(self, how: str, what: Any) -> Any:
        """Run the generator up to its next yield or its end, where the functions of its plugin run."""
        runner = self._implementation.runner
        if self._is_async:
            return await runner.bounded(getattr(self._generator, "a" + how)(what))
        step = {"step": getattr(self._generator, how), "what": what}
        if self._implementation.immediate or runner.pool is None:
            return _advance(**step)
        return await runner.bounded(runner.pool.run(_advance, step))


class _Ended:
    """What a generator returned; its StopIteration could not leave a thread."""

    def __init__(self, result: Any) -> None:
        self.result = result


def _advance(step: Callable[[Any], Any], what: Any) -> _Ended | None:
    try:
        step(what)
    except StopIteration as stop:
        return _Ended(stop.value)
    return None


class HookCall:
    """One hook with all its implementations, in pluggy's order: the last registered first."""

    def __init__(self, caller: pluggy.HookCaller, runners: Mapping[str, Runner]) -> None:
        self.name = caller.name
        self.first = bool(caller.spec and caller.spec.opts.get("firstresult"))
        self.on_error: str = getattr(caller.spec.function, "bbs_on_error", "refuse") if caller.spec else "refuse"
        found = [
            (impl, Implementation(caller.name, impl.function, runners[impl.plugin_name]))
            for impl in reversed(caller.get_hookimpls())
        ]
        wraps = [one.wrapper or hasattr(one.function, "bbs_async_wrapper") for one, _ in found]
        self.wrappers = [made for (_, made), wrapper in zip(found, wraps, strict=True) if wrapper]
        self.functions = [made for (_, made), wrapper in zip(found, wraps, strict=True) if not wrapper]
        alone = self.first and not self.wrappers and len(self.functions) == 1 and self.functions[0].immediate
        # The way of every post: one built-in that never blocks, and nothing to wait for.
        self._alone = self.functions[0] if alone else None

    @property
    def immediate(self) -> bool:
        """Whether `now` can be called: one function that never blocks is all that the hook has."""
        return self._alone is not None and not self._alone.runner.off

    def now(self, **values: Any) -> Any:
        """Return what awaiting the call would. Raises UserError and HookFailed."""
        assert self._alone is not None
        return self._alone.call_now(values)

    async def __call__(self, **values: Any) -> Any:
        """Return the first result that is not None, or all of them, as the hook is specified."""
        if self.immediate:
            return self.now(**values)
        wrappers = [wrapper for wrapper in self.wrappers if not wrapper.runner.off]
        if not wrappers:
            return await self._functions(values)
        with contextlib.ExitStack() as at_work:
            for wrapper in wrappers:
                at_work.enter_context(wrapper.runner.in_flight())
            return await self._wrapped(wrappers, values)

    async def _wrapped(self, wrappers: Sequence[Implementation], values: Mapping[str, Any]) -> Any:
        begun: list[_Wrapped] = []
        result, error = None, None
        try:
            for wrapper in wrappers:
                wrapped = _Wrapped(wrapper, values)
                await wrapped.begin()
                begun.append(wrapped)
            result = await self._functions(values)
        except BaseException as raised:  # noqa: BLE001 - the wrappers hear of it, then it is raised again
            error = raised
        for wrapped in reversed(begun):
            try:
                result, error = await wrapped.finish(result, error), None
            except BaseException as raised:  # noqa: BLE001 - as above
                error = raised
        if error is not None:
            raise error
        return result

    async def _functions(self, values: Mapping[str, Any]) -> Any:
        results = []
        for function in self.functions:
            if function.runner.off:
                continue
            try:
                result = await function.call(values)
            except (HookFailed, UserError):
                if self.on_error not in NOBODY_ELSES:
                    raise
                continue
            if result is not None:
                if self.first:
                    return result
                results.append(result)
        return None if self.first else results


class Relay:
    """The hooks of one plugin set, called as `await relay.bbs_command_dm(session=…, to=…, text=…)`."""

    def __init__(self, manager: pluggy.PluginManager, runners: Mapping[str, Runner]) -> None:
        vars(self).update({name: HookCall(caller, runners) for name, caller in vars(manager.hook).items()})

    def __getattr__(self, name: str) -> HookCall:
        raise AttributeError(f"There is no hook {name}.")


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
