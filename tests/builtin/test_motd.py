"""`motd`: what the admin has to say, after the first list of each session."""

from __future__ import annotations

import pytest

from bbs_core.errors import InvalidOptions
from bbs_core.testing import Bbs

TEXT = "Homework is due on Friday.\n\n  Bring <tea> ☕ 日本語."
ROWS = ["Homework is due on Friday.", "  Bring <tea> ☕ 日本語."]

pytestmark = pytest.mark.bbs(plugins={"enabled": ["motd"]})


@pytest.mark.bbs(plugins={"enabled": ["motd"], "options": {"motd": {"text": TEXT}}})
async def test_each_session_is_told_once(bbs: Bbs) -> None:
    for _ in range(2):
        alice = bbs.login("alice")
        assert alice.notices == ROWS
        await alice.post("good morning")
        await alice.list()
        assert alice.notices == ROWS
        await alice.leave()


async def test_another_message_is_for_those_who_come_then(bbs: Bbs) -> None:
    alice, olga = bbs.login("alice"), bbs.staff("olga")
    await olga.configure("motd", {"text": "No school today."})
    assert await alice.send("/motd") == ["No school today."]
    bob = bbs.login("bob")
    await olga.configure("motd", {"text": ""})
    assert (alice.notices, bob.notices, bbs.login("carol").notices) == ([], ["No school today."], [])
    assert await bob.send("/motd") == ["There is no message today."]


async def test_a_message_of_many_pages_is_refused(bbs: Bbs) -> None:
    olga = bbs.staff("olga")
    with pytest.raises(InvalidOptions, match=r"motd\.text"):
        await olga.configure("motd", {"text": "a" * 2001})
    assert bbs.login("alice").notices == []


@pytest.mark.bbs
async def test_it_is_off_by_itself(bbs: Bbs) -> None:
    alice = bbs.login("alice")
    await alice.post("/motd")
    assert await alice.list() == ["127.0.0.1 /motd"]
