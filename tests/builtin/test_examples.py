"""The examples in the help of the built-in plugins are true."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from bbs_core.platform.commands import examples_of
from bbs_core.platform.discovery import OPTIONAL, builtins
from bbs_core.public.lines import Example
from bbs_core.testing import Bbs


def examples() -> Iterator[Example]:
    for plugin in builtins():
        for function in vars(plugin.find()).values():
            yield from examples_of(function) if callable(function) else ()


@pytest.mark.bbs(plugins={"enabled": list(OPTIONAL)})
async def test_each_is_answered_as_it_says(bbs: Bbs) -> None:
    typed: set[str] = set()
    for one in examples():
        answer = await bbs.login("alice").send(one.typed)
        assert re.fullmatch(one.like, "\n".join(answer)), (one, answer)
        typed.add(one.typed.split()[0])
    assert {"/search", "/new", "/motd"} <= typed
