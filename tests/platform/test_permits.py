"""Who may use a command and how often: each rule decides, explaining names the one that did, and changes are live."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bbs_core.cli import main
from bbs_core.clock import Clock, ticking
from bbs_core.errors import InvalidAct, NotFound
from bbs_core.groups import Group
from bbs_core.host import PluginSet, found_plugins
from bbs_core.live_settings import status_of
from bbs_core.platform.buckets import Buckets
from bbs_core.platform.discovery import OPTIONAL
from bbs_core.plugin import command
from bbs_core.plugin_settings import PluginSettings
from bbs_core.public.rates import Rate, spoken
from bbs_core.testing import Bbs
from tests.platform import guarded
from tests.platform.outside import put
from tests.support import ROOT

OPERATING = (ROOT / "docs" / "operating.md").read_text()
GROUPS = {"teachers": ["alice", "10.0.0.0/24", "192.0.2.7"]}

pytestmark = pytest.mark.bbs("guarded.py", plugins={"groups": GROUPS})


async def test_a_command_is_for_those_whom_its_plugin_names_and_the_admin_knows(bbs: Bbs) -> None:
    for name, address in [("alice", "127.0.0.1"), ("tom", "10.0.0.9"), ("ann", "192.0.2.7")]:
        assert await bbs.login(name, address).send("/grade") == ["A"]
        assert await bbs.explain(name, "/grade") == (True, "may")
    # Another user as far as the board knows, and one who claims to be an address.
    for name, address in [("Alice", "127.0.0.1"), ("192.0.2.7", "10.0.1.9")]:
        assert await bbs.login(name, address).send("/grade") == ["/grade is for teachers."]
        assert await bbs.explain(name, "grade") == (False, "may")
    assert await bbs.explain("eve", "/grade", "::ffff:10.0.0.1") == (True, "may")
    assert await bbs.explain("eve", "/grade", "::1") == (False, "may")
    assert await bbs.explain("eve", "listdms") == (True, "may")


async def test_the_admin_has_the_last_word_and_it_is_in_force_at_once(bbs: Bbs) -> None:
    eve, alice, olga = bbs.login("eve"), bbs.login("alice"), bbs.staff()
    assert await eve.send("/grade") == ["/grade is for teachers."]
    await olga.change({"plugins.access": {"/grade": "everyone", "/roll": "nobody"}})
    assert await eve.send("/grade") == ["A"]
    assert await bbs.explain("eve", "/grade") == (True, "access")
    assert await alice.send("/roll") == ["/roll is for nobody."]
    assert await bbs.explain("alice", "/roll") == (False, "access")
    await olga.change({"plugins.groups": {"teachers": ["eve"]}, "plugins.access": {}})
    assert await eve.send("/grade") == ["A"]
    assert await alice.send("/grade") == ["/grade is for teachers."]
    act = bbs.ledger[-1]
    await olga.undo(act.id)
    assert await eve.send("/grade") == ["A"]
    assert await alice.send("/roll") == ["/roll is for nobody."]


async def test_a_rate_is_each_users_own_and_comes_back_with_time(bbs: Bbs) -> None:
    eve, tom = bbs.login("eve"), bbs.login("tom")
    for _ in range(5):
        assert await bbs.explain("eve", "/roll") == (True, "may")
        assert await eve.send("/roll") == ["4"]
    refused = ["You may use /roll 5 times a minute: again in 12 seconds."]
    assert await eve.send("/roll") == refused
    # To be refused or asked about costs nothing.
    assert await bbs.explain("eve", "/roll") == (False, "rate")
    assert await eve.send("/roll") == refused
    assert await tom.send("/roll") == ["4"]
    await bbs.clock.advance("11s")
    assert await eve.send("/roll") == ["You may use /roll 5 times a minute: again in 1 second."]
    await bbs.clock.advance("1s")
    assert await eve.send("/roll") == ["4"]
    assert await eve.send("/roll") == refused
    await bbs.clock.advance("1m")
    assert [await eve.send("/roll") for _ in range(6)] == [["4"]] * 5 + [refused]


async def test_the_admin_limits_any_command_and_takes_limits_away(bbs: Bbs) -> None:
    eve, olga = bbs.login("eve"), bbs.staff()
    await olga.change({"plugins.rates": {"/who": "1/h", "/roll": "none", "post": "1/m"}})
    assert await eve.send("/who") == ["1 on line:", "eve"]
    assert await eve.send("/who") == ["You may use /who once an hour: again in 60 minutes."]
    assert [await eve.send("/roll") for _ in range(9)] == [["4"]] * 9
    assert await eve.post("hello") == []
    assert await eve.post("more") == ["Your post was not kept. You may use post once a minute: again in 60 seconds."]
    assert await bbs.explain("eve", "post") == (False, "rate")
    assert [one.text for one in bbs.posts] == ["hello"]
    await olga.change({"plugins.rates": {}})
    assert await eve.post("again") == await eve.post("and again") == []


async def test_who_is_known_came_first_a_day_ago(bbs: Bbs) -> None:
    eve, old = bbs.login("eve"), bbs.login("old")
    new = "is for those who came first a day ago or earlier."
    assert await eve.send("/vote") == [f"/vote {new}"]
    assert not any("/vote" in row for row in await eve.send("/help"))
    await bbs.clock.advance("23h59m59s")
    assert await eve.send("/vote") == [f"/vote {new}"]
    await bbs.clock.advance("1s")
    assert any("/vote" in row for row in await old.send("/help"))
    assert await bbs.explain("eve", "/vote") == (True, "may")
    assert any("/vote" in row for row in await eve.send("/help"))
    assert await eve.send("/vote") == ["Counted."]
    assert await eve.send("/vote") == ["You may use /vote once in 10 minutes: again in 10 minutes."]
    assert await bbs.login("ann").send("/vote") == [f"/vote {new}"]
    assert await bbs.explain("nobody ever", "/vote") == (False, "may")
    # The board's own words too.
    await bbs.staff().change({"plugins.access": {"dm": "known", "list": "known", "/vote": "nobody"}})
    assert await eve.dm("eve", "psst") == []
    assert await bbs.login("tom").dm("eve", "psst") == [f"Your message was not kept. dm {new}"]
    assert await bbs.login("tim").list() == [f"list {new}"]
    assert await eve.listdm() == ["psst"]


async def test_what_comes_before_groups_and_rates_decides_before_them(bbs: Bbs) -> None:
    eve, alice, olga = bbs.login("eve"), bbs.login("alice"), bbs.staff()
    await olga.mute("eve")
    assert await bbs.explain("eve", "post") == (False, "writing")
    assert await eve.post("hello") == ["Your post was not kept. You may read, and not write: a test"]
    await olga.change({"plugins.rates": {"post": "5/m"}})
    assert await eve.post("hello") == ["Your post was not kept. You may read, and not write: a test"]
    assert await bbs.explain("eve", "/grade") == (False, "may")
    assert await bbs.explain("eve", "/shout") == (True, "may")
    await olga.change({"board.mode": "read_only"})
    assert await bbs.explain("alice", "dm") == (False, "writing")
    assert await alice.dm("eve", "psst") == ["Your message was not kept: the board can only be read at the moment."]
    await olga.ban("eve")
    assert await bbs.explain("eve", "/grade") == (False, "ban")
    await olga.disable("dm")
    assert await bbs.explain("eve", "dm") == (False, "plugin")
    await olga.disable("guarded")
    with pytest.raises(NotFound, match=r"There is no command /grade of a plugin that is on"):
        await bbs.explain("eve", "/grade")
    with pytest.raises(NotFound, match=r"Did you mean /who\?"):
        await bbs.explain("eve", "/wo")
    with pytest.raises(InvalidAct, match="nowhere is no address"):
        await bbs.explain("eve", "/who", "nowhere")


@pytest.mark.bbs("guarded.py", plugins={"access": {"/who": "nobody"}})
async def test_help_shows_what_a_user_may_use_and_who_else_may(bbs: Bbs) -> None:
    eve, olga = bbs.login("eve"), bbs.staff()
    words = [row.partition(":")[0] for row in await eve.send("/help")]
    assert words == ["/help [word]", "/roll", "/shout", "dm", "list", "listdm", "quit"]
    assert await eve.send("/help grade") == ["There is no command grade; type /help to see all."]
    assert await eve.send("/help roll") == ["/roll", "Roll a die.", "At most 5 times a minute."]
    assert await eve.send("/help shout") == ["/shout", "Post something."]
    await olga.change({"plugins.groups": {"teachers": ["eve"]}})
    assert await eve.send("/help grade") == ["/grade", "Give a grade.", "For the group teachers only."]


@pytest.mark.bbs("guarded.py", board={"slash": "reserved"}, plugins={"groups": GROUPS})
async def test_a_board_on_which_slashes_are_reserved_has_the_same_rules(bbs: Bbs) -> None:
    assert await bbs.login("eve").send("/grade") == ["/grade is for teachers."]
    assert await bbs.login("alice").send("/grade") == ["A"]


def loaded(data: Path, **settings: Any) -> PluginSet:
    """Return the plugins that a board with the guarded one has."""
    put(data, "guarded.py", Path(guarded.__file__).read_text())
    chosen = PluginSettings(**settings)
    return PluginSet(chosen, found_plugins(data / "plugins", chosen))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            {"access": {"/gradee": "everyone"}},
            "plugins.access names /gradee, which is no command. Did you mean /grade?",
        ),
        ({"rates": {"/rol": "5/m"}}, "plugins.rates names /rol, which is no command. Did you mean /roll?"),
        ({"rates": {"listdms": "5/m"}}, "plugins.rates names listdms, which is no command. Did you mean listdm?"),
        (
            {"access": {"/roll": "teahcers"}, "groups": GROUPS},
            "plugins.access gives /roll to teahcers, which is no group. Did you mean teachers?",
        ),
        ({"access": {"/zzz": "nobody"}, "enabled": OPTIONAL}, "plugins.access names /zzz, which is no command."),
        # It may be a word of the plugin that is off.
        ({"access": {"/zzz": "nobody"}}, None),
        ({"access": {"/gradee": "everyone"}, "safe_mode": True}, None),
        ({"access": {"/grade": "nobody"}, "rates": {"dm": ""}}, None),
    ],
)
def test_words_and_groups_that_are_not_there_are_faults(
    tmp_path: Path, settings: Mapping[str, Any], fault: str | None
) -> None:
    assert loaded(tmp_path, **settings).faults == ([fault] if fault else [])


def test_a_group_that_no_admin_has_filled_is_told_with_what_may_be_meant(tmp_path: Path) -> None:
    plugins = loaded(tmp_path, groups={"techers": ["alice"]})
    hint = "/grade is for teachers, which nobody is in before plugins.groups says who. Did you mean techers?"
    shown = {str(one["name"]): one for one in status_of(plugins)}
    assert (shown["guarded"]["state"], shown["guarded"]["reason"], shown["who"]["reason"]) == ("loaded", hint, "")
    told = json.loads(json.dumps(shown["guarded"]["usages"]))
    limits = {one["word"]: (one["may"], one["rate"]) for one in told}
    assert limits["/vote"] == ("known", "once in 10 minutes")
    assert (limits["/grade"], limits["/shout"]) == (("teachers", ""), ("everyone", ""))
    assert loaded(tmp_path, groups=GROUPS).hints == {}


def test_what_the_page_for_operators_shows_is_in_order(tmp_path: Path) -> None:
    [shown] = [block for block in re.findall(r"```toml\n(.*?)```", OPERATING, re.DOTALL) if "plugins.groups" in block]
    plugins = loaded(tmp_path, **tomllib.loads(shown)["plugins"])
    assert (plugins.faults, plugins.hints) == ([], {})
    assert {one.word: one.group for one in plugins.permits.values() if one.access} == {
        "/grade": "everyone",
        "dm": "known",
    }


def test_an_author_is_told_what_a_command_declares() -> None:
    told = CliRunner().invoke(main, ["plugin", "check", guarded.__file__]).output
    for line in ("  command /vote: Vote.\n    for known, at most once in 10 minutes\n", "    for teachers\n"):
        assert line in told
    assert "  command /shout: Post something.\n    " not in told


@pytest.mark.parametrize("rate", ["0/m", "5", "5/", "x/m", "5/2d", "1/0s", "-1/m", "5/mm", " 5/m", "5000/s", 5, None])
def test_what_is_no_rate_is_refused_where_it_is_written(rate: Any) -> None:
    with pytest.raises(ValueError, match="is no rate: it is written as 5/m, 1/10s or 20/h"):
        command("/roll", rate=rate)


@pytest.mark.parametrize("may", ["Teachers", "/grade", "", "the teachers", None])
def test_what_is_no_group_is_refused_where_it_is_written(may: Any) -> None:
    with pytest.raises(ValueError, match="is no group: use small letters"):
        command("/roll", may=may)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5/m", "5 times a minute"), ("1/10s", "once in 10 seconds"), ("20/h", "20 times an hour"),
        ("1/d", "once a day"), ("3/90s", "3 times in 90 seconds"), ("2/120m", "2 times in 2 hours"),
    ],
)  # fmt: skip
def test_a_rate_is_said_in_words(text: str, said: str) -> None:
    assert str(Rate.of(text)) == said


def test_a_wait_is_said_in_its_unit_and_never_too_short() -> None:
    assert [spoken(seconds) for seconds in (1, 120, 121, 7200, 7201)] == [
        *("1 second", "120 seconds", "3 minutes", "120 minutes", "3 hours"),
    ]


def test_members_are_names_addresses_and_networks_of_both_kinds() -> None:
    group = Group(["ann", "::ffff:192.0.2.7", "::ffff:198.51.100.0/120", "fe80::1", "2001:db8::/32", "a/b"])
    for place in ("192.0.2.7", "::ffff:192.0.2.7", "198.51.100.3", "fe80::1%eth0", "2001:db8::5"):
        assert group.member("", place), place
    for name, place in [("Ann", ""), ("", "192.0.2.8"), ("fe80::1", ""), ("", "nowhere"), ("", "::")]:
        assert not group.member(name, place), (name, place)
    assert group.member("a/b", "") == "a/b"
    for wrong in ("10.0.0.5/24", "10.0.0.0/33", "::1/x"):
        with pytest.raises(ValueError, match="1"):
            Group([wrong])


def test_buckets_are_bounded_and_the_one_that_was_used_last_stays() -> None:
    buckets, rate = Buckets(limit=3), Rate.of("1/h")
    for number in range(100):
        buckets.take(number, rate)
        buckets.take("each time", rate)
    assert len(buckets) == 3
    assert [buckets.left(key, rate) for key in ("each time", 99, 0)] == [0, 0, 1]


@pytest.mark.parametrize("text", ["7/m", "3/10s", "13/h", "999/d"])
def test_no_rounding_keeps_what_has_come_back(text: str) -> None:
    rate, buckets = Rate.of(text), Buckets()

    class Still(Clock):
        at_ms = 1_767_268_800_000

        def now_ms(self) -> int:
            return self.at_ms

    clock = Still()
    with ticking(clock):
        for left in range(rate.times, 0, -1):
            assert (buckets.left("a", rate), buckets.wait_ms("a", rate)) == (left, 0)
            buckets.take("a", rate)
        assert buckets.left("a", rate) == 0
        clock.at_ms += buckets.wait_ms("a", rate) - 1
        assert (buckets.left("a", rate), buckets.wait_ms("a", rate)) == (0, 1)
        clock.at_ms += 1
        assert (buckets.left("a", rate), buckets.wait_ms("a", rate)) == (1, 0)
        # A stricter rate forgives what an older one has counted.
        assert buckets.wait_ms("a", Rate.of("1/s")) <= 1000
