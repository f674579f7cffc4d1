"""Thanks, on a board within the test."""

from __future__ import annotations

from bbs_core.plugin import Table
from bbs_core.testing import Bbs


async def test_whoever_is_thanked_most_comes_first(bbs: Bbs) -> None:
    alice, bob, carol = bbs.login("alice"), bbs.login("bob"), bbs.login("carol")
    await alice.send("/thanks bob for the tea")
    await alice.send("/thanks carol")
    await bob.send("/thanks carol for the key")
    assert await carol.send("/thanks") == ["carol: 2", "bob: 1"]


async def test_whoever_is_thanked_is_told(bbs: Bbs) -> None:
    alice, bob = bbs.login("alice"), bbs.login("bob")
    await alice.send("/thanks bob for the tea")
    assert bob.notices == ["alice thanks you for the tea."]


async def test_nobody_thanks_themselves(bbs: Bbs) -> None:
    assert await bbs.login("alice").send("/thanks alice") == ["Nobody thanks themselves."]


async def test_thanks_in_a_post_count_too(bbs: Bbs) -> None:
    alice, bob = bbs.login("alice"), bbs.login("bob")
    await alice.post("Thanks, bob, for the ladder!")
    await alice.post("Thanks to all.")
    assert await bob.send("/thanks") == ["bob: 1"]


async def test_five_times_a_minute_are_enough(bbs: Bbs) -> None:
    alice, _ = bbs.login("alice"), bbs.login("bob")
    for _ in range(5):
        assert await alice.send("/thanks bob") == ["bob will read it."]
    [refused] = await alice.send("/thanks bob")
    assert refused.startswith("You may use /thanks 5 times a minute")
    await bbs.clock.advance("1m")
    assert await alice.send("/thanks bob") == ["bob will read it."]


async def test_only_teachers_take_thanks_back(bbs: Bbs) -> None:
    alice, bob = bbs.login("alice"), bbs.login("bob")
    await bob.send("/thanks alice")
    assert await bbs.explain("bob", "/unthank") == (False, "may")
    await bbs.staff("olga").change({"plugins.groups": {"teachers": ["alice"]}})
    assert await alice.send("/unthank alice") == ["It is taken back."]


async def test_staff_see_thanks_and_take_them_back(bbs: Bbs) -> None:
    alice, bob, olga = bbs.login("alice"), bbs.login("bob"), bbs.staff("olga")
    await alice.send("/thanks bob for the tea")
    [table] = await olga.open("thanks", "latest")
    assert isinstance(table, Table)
    assert table.rows[0][:3] == ["alice", "bob", "for the tea"]
    await olga.act("thanks", "take_back", number="1")
    assert await bob.send("/thanks") == ["Nobody was thanked yet."]


async def test_a_user_gets_what_is_kept_and_is_forgotten(bbs: Bbs) -> None:
    alice, olga = bbs.login("alice"), bbs.staff("olga")
    await bbs.login("bob").send("/thanks alice for the map")
    told = await olga.export("alice")
    [data] = [one["data"] for one in told["plugins"] if one["plugin"] == "thanks"]
    assert [thanks["reason"] for thanks in data["thanks"]] == ["for the map"]
    assert (await olga.erase("alice")).erased
    assert alice.ended
    assert await bbs.login("carol").send("/thanks") == ["Nobody was thanked yet."]
