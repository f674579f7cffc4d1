"""In plans of plain functions, the relay calls what pluggy calls, in the same order, to the same end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bbs_core.platform.runner import HookFailed
from tests.platform.relays import Bench
from tests.support import SOAK


class Boom(Exception):
    """What a planned implementation raises."""


@dataclass(frozen=True)
class Plan:
    """What one implementation does: before a wrapper's yield, where it has one, and at its end."""

    wrapper: bool
    place: Literal["", "tryfirst", "trylast"]
    before: Literal["go", "raise"]
    end: Literal["answer", "none", "raise", "pass", "catch"]


plans = st.lists(
    st.builds(
        Plan,
        st.booleans(),
        st.sampled_from(["", "", "tryfirst", "trylast"]),
        st.sampled_from(["go"] * 9 + ["raise"]),
        st.sampled_from(["answer", "answer", "none", "none", "raise", "pass", "catch"]),
    ),
    max_size=7,
)


def ended(plan: Plan, number: int, result: object) -> object:
    if plan.end == "raise":
        raise Boom(number)
    return {"answer": f"answer {number}", "none": None}.get(plan.end, result)


def made(plan: Plan, number: int, log: list[str]) -> Callable[..., Any]:
    """Return the implementation of a plan, which writes down that it was called, and with what."""

    def function(value: int) -> object:
        log.append(f"{number} called with {value}")
        return ended(plan, number, None)

    def wrapper(value: int) -> Generator[None, object, object]:
        log.append(f"{number} begun with {value}")
        if plan.before == "raise":
            raise Boom(number)
        try:
            result = yield
        except Exception as error:
            log.append(f"{number} was thrown {original(error)}")
            if plan.end == "pass":
                raise
            result = "caught"
        log.append(f"{number} was sent {result}")
        return ended(plan, number, result)

    return wrapper if plan.wrapper else function


def original(error: BaseException) -> str:
    """Return what was raised first; the relay says whose it is with an error of its own."""
    return repr(error.__cause__ if isinstance(error, HookFailed) else error)


def bench_of(plan: list[Plan], hook: str, log: list[str], threads: int = 0) -> Bench:
    bench = Bench(threads=threads)
    for number, one in enumerate(plan):
        options = {one.place: True} if one.place else {}
        bench.add(f"plugin {number}", made(one, number, log), hook, wrapper=one.wrapper, **options)
    return bench


hooks = st.sampled_from(["first", "every"])


@settings(max_examples=400 * SOAK, deadline=None)
@given(plans, hooks)
def test_the_relay_calls_and_returns_what_pluggy_does(plan: list[Plan], hook: str) -> None:
    # Caught and not written out: a line with a traceback takes longer than all the rest.
    with capture_logs():
        assert through_the_relay(plan, hook, threads=0) == through_pluggy(plan, hook)


@settings(max_examples=100 * SOAK, deadline=None)
@given(plans, hooks)
def test_so_it_does_when_the_plugins_have_threads(plan: list[Plan], hook: str) -> None:
    with capture_logs():
        assert through_the_relay(plan, hook, threads=1) == through_pluggy(plan, hook)


def through_pluggy(plan: list[Plan], hook: str) -> list[str]:
    log: list[str] = []
    try:
        log.append(f"result {getattr(bench_of(plan, hook, log).manager.hook, hook)(value=7)}")
    except Boom as error:
        log.append(f"raised {original(error)}")
    return log


def through_the_relay(plan: list[Plan], hook: str, threads: int) -> list[str]:
    log: list[str] = []
    bench = bench_of(plan, hook, log, threads)
    try:
        log.append(f"result {asyncio.run(getattr(bench.hooks, hook)(value=7))}")
    except HookFailed as error:
        log.append(f"raised {original(error)}")
    bench.close()
    return log
