"""Call hooks on awaited values: pluggy's registration and order, with deadlines, a firewall and attribution.

pluggy's own loop takes a coroutine for a result, ends a wrapper before an async body begins, and does not say whose
implementation raised (docs/decisions/0004-hook-relay.md).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import pluggy

from bbs_core.errors import UserError
from bbs_core.platform.implementation import Implementation, Wrapped
from bbs_core.platform.runner import HookFailed, Runner
from bbs_core.public.arguments import OWN

# A failure that stops no other implementation: of who was told, or asked and has no say then.
NOBODY_ELSES = ("skip", "pass")


def allow_own(manager: pluggy.PluginManager) -> None:
    """Have pluggy, which refuses what a hook does not specify, let functions ask for what is their plugin's own."""
    for caller in vars(manager.hook).values():
        caller.spec.argnames = (*caller.spec.argnames, *OWN)


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
        begun: list[Wrapped] = []
        result, error = None, None
        try:
            for wrapper in wrappers:
                wrapped = Wrapped(wrapper, values)
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
