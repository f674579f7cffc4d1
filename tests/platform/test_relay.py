"""What plain pluggy does to an async server, the relay does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator

import pytest

from bbs_core.platform.runner import HookFailed
from bbs_core.plugin import UserError, async_wrapper
from tests.platform.relays import Bench


def number(value: int) -> str:
    return f"number {value}"


async def nothing(value: int) -> None:
    """Answer nothing, though not at once."""
    await asyncio.sleep(0)


async def late_number(value: int) -> str:
    await asyncio.sleep(0)
    return f"late number {value}"


def broken(value: int) -> None:
    raise ValueError(value)


async def broken_late(value: int) -> None:
    await asyncio.sleep(0)
    raise ValueError(value)


async def test_an_async_implementation_that_answers_none_leaves_it_to_the_next() -> None:
    bench = Bench()
    bench.add("below", number)
    bench.add("above", nothing)
    assert await bench.hooks.first(value=7) == "number 7"


async def test_a_coroutine_is_awaited_before_it_is_a_result() -> None:
    bench = Bench()
    bench.add("below", number)
    bench.add("above", late_number)
    assert await bench.hooks.first(value=7) == "late number 7"


async def test_all_results_are_awaited_and_none_is_left_out() -> None:
    bench = Bench()
    for name, function in {"a": number, "b": nothing, "c": late_number}.items():
        bench.add(name, function, "every")
    assert await bench.hooks.every(value=7) == ["late number 7", "number 7"]


async def test_a_sync_wrapper_sees_the_result_of_an_async_body() -> None:
    def shout(value: int) -> Generator[None, str, str]:
        result = yield
        return result.upper()

    bench = Bench()
    bench.add("body", late_number)
    bench.add("wrapper", shout, wrapper=True)
    assert await bench.hooks.first(value=7) == "LATE NUMBER 7"


async def test_an_async_wrapper_sees_the_result_and_replaces_it() -> None:
    @async_wrapper
    async def shout(value: int) -> AsyncIterator[object]:
        result = yield None
        await asyncio.sleep(0)
        yield f"{result}!"

    bench = Bench()
    bench.add("body", late_number)
    bench.add("wrapper", shout)
    assert await bench.hooks.first(value=7) == "late number 7!"


@pytest.mark.parametrize("body", [broken, broken_late])
async def test_an_async_wrapper_catches_the_error_of_the_body(body: object) -> None:
    @async_wrapper
    async def console(value: int) -> AsyncIterator[object]:
        try:
            yield None
        except HookFailed as error:
            yield f"{error.plugin} failed"

    bench = Bench()
    bench.add("body", body)  # type: ignore[arg-type]
    bench.add("wrapper", console)
    assert await bench.hooks.first(value=7) == "body failed"
    assert bench.failures == ["body"]


@pytest.mark.parametrize("body", [broken, broken_late])
async def test_one_raising_observer_does_not_stop_the_others_and_is_named(body: object) -> None:
    heard: list[str] = []
    bench = Bench()
    bench.add("first", lambda value: heard.append("first"), "told")
    bench.add("middle", body, "told")  # type: ignore[arg-type]
    bench.add("last", lambda value: heard.append("last"), "told")
    await bench.hooks.told(value=7)
    assert (heard, bench.failures) == (["last", "first"], ["middle"])


async def test_an_error_says_whose_it_is_and_where_it_came_from() -> None:
    bench = Bench()
    bench.add("below", number)
    bench.add("guilty", broken_late)
    with pytest.raises(HookFailed) as raised:
        await bench.hooks.first(value=7)
    assert (raised.value.plugin, raised.value.hook) == ("guilty", "first")
    assert isinstance(raised.value.__cause__, ValueError)
    assert bench.failures == ["guilty"]


async def test_an_error_that_passes_through_a_wrapper_stays_that_of_the_body() -> None:
    def watch(value: int) -> Generator[None, object, object]:
        return (yield)

    bench = Bench()
    bench.add("guilty", broken)
    bench.add("wrapper", watch, wrapper=True)
    with pytest.raises(HookFailed, match="guilty"):
        await bench.hooks.first(value=7)
    assert bench.failures == ["guilty"]


@pytest.mark.parametrize("place", ["before", "after"])
async def test_what_a_plugin_tells_the_user_is_no_failure_wherever_it_is_raised(place: str) -> None:
    def refuse(value: int) -> Generator[None, object, object]:
        if place == "before":
            raise UserError("not today")
        yield
        raise UserError("not today")

    bench = Bench()
    bench.add("body", number)
    bench.add("wrapper", refuse, wrapper=True)
    with pytest.raises(UserError, match="not today"):
        await bench.hooks.first(value=7)
    assert not bench.failures


def test_there_is_no_hook_of_another_name() -> None:
    with pytest.raises(AttributeError, match="There is no hook frist"):
        _ = Bench().hooks.frist


@pytest.mark.parametrize("wrong", ["yields_twice", "never_yields", "waits_before", "waits_after"])
async def test_a_wrapper_that_breaks_the_rules_is_named_once(wrong: str) -> None:
    def yields_twice(value: int) -> Generator[None, object, object]:
        yield
        yield
        return None

    def never_yields(value: int) -> Generator[None, object, object]:
        if value < 0:
            yield
        return "mine"

    @async_wrapper
    async def waits_before(value: int) -> AsyncIterator[object]:
        await asyncio.sleep(999)
        yield None

    @async_wrapper
    async def waits_after(value: int) -> AsyncIterator[object]:
        yield None
        await asyncio.sleep(999)

    bench = Bench(deadline_s=0.01)
    bench.add("body", number)
    wrapper = {f.__name__: f for f in (yields_twice, never_yields, waits_before, waits_after)}[wrong]
    bench.add("guilty", wrapper, wrapper=wrong.startswith(("yields", "never")))
    with pytest.raises(HookFailed, match="guilty"):
        await bench.hooks.first(value=7)
    assert bench.failures == ["guilty"]


@pytest.mark.parametrize("threads", [0, 1])
async def test_a_call_that_is_cancelled_from_outside_is_nobodys_failure(threads: int) -> None:
    begun = asyncio.Event()

    async def waits(value: int) -> None:
        begun.set()
        await asyncio.sleep(999)

    def watch(value: int) -> Generator[None, object, object]:
        return (yield)

    bench = Bench(threads=threads)
    bench.add("body", waits)
    bench.add("wrapper", watch, wrapper=True)
    call = asyncio.ensure_future(bench.hooks.first(value=7))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not bench.failures
    bench.close()
