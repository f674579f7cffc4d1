"""What plugins keep of users, as the fixture `bbs` exports and erases it, and as the command line does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bbs_core.errors import NotFound
from bbs_core.platform import personal as personal_calls
from bbs_core.public.lines import User
from bbs_core.testing import Bbs
from tests.platform import personal
from tests.platform.outside import put
from tests.platform.test_hooks_page import EXAMPLES
from tests.support import BoardProcess
from tests.support import bbs as run_bbs
from tests.wire.live import LiveBoard

pytestmark = pytest.mark.bbs("personal.py")


async def test_a_plugin_gives_and_forgets_what_it_keeps(bbs: Bbs) -> None:
    alice, bob, olga = bbs.login("alice"), bbs.login("bob"), bbs.staff()
    await alice.post("good morning")
    await alice.dm("bob", "a secret")
    await bob.post("good night")
    told = await olga.export("alice")
    assert [(one["plugin"], one["outcome"], one["data"]) for one in told["plugins"] if one["data"]] == [
        ("personal", "answered", {"posts": 1})
    ]
    assert [one["text"] for one in told["posts"]] == ["good morning"]
    outcomes = await olga.erase("alice")
    assert outcomes.erased
    assert [(one.plugin, one.sentence) for one in outcomes.plugins if one.outcome == "answered"] == [
        ("personal", "1 posts were counted.")
    ]
    assert alice.ended == "The staff has ended your session: a test"
    assert (await bob.list(), await bob.listdm()) == (["127.0.0.1 good night"], [])
    assert [(post.username, post.text) for post in bbs.posts] == [("bob", "good night")]
    assert bbs.messages == []
    assert [(one.action, one.reason) for one in bbs.ledger] == [
        ("staff.add", ""),
        ("session.kick", "a test"),
        ("session.kick", "a test"),
        ("user.erase", "a test"),
    ]
    with pytest.raises(NotFound):
        await olga.export("alice")
    assert await bbs.login("alice").listdm() == []


async def test_a_plugin_that_cannot_forget_keeps_the_user(bbs: Bbs) -> None:
    mallory, olga = bbs.login("mallory"), bbs.staff()
    await mallory.post("hello")
    outcomes = await olga.erase("mallory")
    assert not outcomes.erased
    assert [one.plugin for one in outcomes.plugins if one.outcome == "failed"] == ["personal"]
    assert [post.username for post in bbs.posts] == ["mallory"]
    assert (await olga.erase("mallory", force=True)).erased
    assert bbs.posts == []


def test_the_command_line_does_so_with_the_plugins_of_the_running_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    put(data, "personal.py", Path(personal.__file__).read_text())
    with BoardProcess(data) as server, server.client("mallory") as mallory:
        mallory.post("hello")
        mallory.list()
        told = json.loads(run_bbs("user", "export", "mallory", "--data", data).stdout)
        assert [one["text"] for one in told["posts"]] == ["hello"]
        assert "personal" in {one["plugin"] for one in told["plugins"] if one["outcome"] != "off"}
        erase = ("user", "erase", "mallory", "--reason", "a test", "--data", data)
        refused = run_bbs(*erase)
        assert refused.returncode == 1
        assert "personal: failed: The plugin personal failed" in refused.stdout
        assert run_bbs(*erase, "--force").stdout.endswith("mallory is erased.\n")
        assert "mallory" not in run_bbs("user", "list", "--data", data).stdout
    refused = run_bbs("user", "erase", "erased-1", "--reason", "a test", "--data", data)
    assert (refused.returncode > 0, "There is no user of this name." in refused.stderr) == (True, True)


def test_without_a_server_no_plugin_can_forget(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with BoardProcess(data) as server, server.client("ann") as ann:
        ann.post("hello")
        ann.list()
    erase = ("user", "erase", "ann", "--reason", "a test", "--data", data)
    assert "No server is running" in run_bbs(*erase).stdout
    assert run_bbs(*erase, "--force").stdout.endswith("ann is erased.\n")
    assert run_bbs("audit", "verify", "--data", data).stdout.startswith("The ledger holds")


def test_the_example_of_the_page_gives_and_forgets(tmp_path: Path) -> None:
    [source] = [source for source in EXAMPLES if '@command("/mood")' in source]
    put(tmp_path, "mood.py", source)
    with LiveBoard(tmp_path) as board:
        with board.client("ann") as ann:
            ann.post("/mood a bit tired")
            assert ann.list() == ["* It is noted."]
        user, calls = User(1, "ann", False), board.app.edges.calls
        asked = (personal_calls.export, personal_calls.forget, personal_calls.forget)
        replies = [one for ask in asked for one in ask(calls, user) if one.plugin == "mood"]
    assert [(one.outcome.value, one.data or one.sentence) for one in replies] == [
        ("answered", {"mood": "a bit tired"}),
        ("answered", "The mood was erased."),
        ("nothing", "It kept nothing of this user."),
    ]
