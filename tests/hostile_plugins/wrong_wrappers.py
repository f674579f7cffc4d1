"""Wraps the command of another plugin: one wrapper never comes to an end, and one never yields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator

from bbs_core.plugin import Answer, async_wrapper, hookimpl


@hookimpl(wrapper=True)
def bbs_command_who() -> Generator[None, Answer, Answer]:
    while True:
        yield


@async_wrapper
async def bbs_command_help() -> AsyncIterator[Answer]:
    for _ in ():
        yield None
