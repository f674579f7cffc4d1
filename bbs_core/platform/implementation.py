"""One function of a plugin as an implementation of a hook, and a wrapper around others that has begun."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from bbs_core.errors import PluginError, StoreError, for_users
from bbs_core.platform.runner import OTHERS, Runner, plain
from bbs_core.public.arguments import OWN, own_names


def taken(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return what of its plugin a function asks for, also where it is called by another one."""
    asked: tuple[str, ...] = getattr(function, "bbs_takes", ())
    return asked or own_names(inspect.signature(function))


class Implementation:
    """One function of one plugin for one hook."""

    __slots__ = (
        "_given",
        "_is_async",
        "_limit_s",
        "_own",
        "_prepare",
        "_runs_here",
        "arguments",
        "function",
        "hook",
        "immediate",
        "runner",
    )

    def __init__(self, hook: str, function: Callable[..., Any], runner: Runner, limit_s: float | None = None) -> None:
        self.hook = hook
        # Where whoever asks cannot wait for the plugin's own deadline.
        self._limit_s = limit_s
        self.function = function
        # Those with a default too, which pluggy would leave out.
        signature = inspect.signature(function)
        self.arguments = tuple(signature.parameters)
        self._given = tuple(name for name in self.arguments if name not in OWN)
        self.runner = runner
        self._own = getattr(function, "bbs_takes", ()) or own_names(signature)
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
                return await self._bounded(result) if inspect.isawaitable(result) else result
        except OTHERS as told:
            raise plain(told) from told.__cause__
        except BaseException as error:
            raise self.caught(error, values) from error

    def kwargs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the function is called with: its part of these values, and what it asks for of its plugin."""
        kwargs = {name: values[name] for name in self._given}
        return {**kwargs, **{name: getattr(self.runner, name) for name in self._own}} if self._own else kwargs

    async def _result(self, kwargs: dict[str, Any]) -> Any:
        pool = self.runner.pool
        if self._is_async or pool is None or self._runs_here:
            result = self.function(**kwargs)
            return await self._bounded(result) if self._is_async else result
        return await self._bounded(pool.run(self.function, kwargs))

    async def _bounded(self, awaitable: Any) -> Any:
        return await self.runner.bounded(awaitable, self._limit_s)

    def call_now(self, values: Mapping[str, Any]) -> Any:
        """Call a function that never blocks."""
        try:
            # Parameters were checked against the specification, so as many are the same ones.
            if len(self.arguments) == len(values) and not self._own:
                return self.function(**values)
            return self.function(**self.kwargs(values))
        except OTHERS as told:
            raise plain(told) from told.__cause__
        except BaseException as error:
            raise self.caught(error, values) from error

    def caught(self, error: BaseException, values: Mapping[str, Any]) -> BaseException:
        """Return what is to be raised for an error of the plugin.

        Our own being cancelled is no error of it, nor is a database that is away.
        """
        if isinstance(error, StoreError):
            return for_users(error)
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            return error
        return self.runner.failure(self.hook, error, getattr(values.get("session"), "username", ""))


class Wrapped:
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
        except OTHERS as told:
            raise plain(told) from told.__cause__
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
        except OTHERS as told:
            raise plain(told) from told.__cause__
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
