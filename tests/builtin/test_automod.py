"""`automod`: each rule finds what it should, and each deed does what it says."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from bbs_core.errors import InvalidOptions
from bbs_core.testing import Bbs
from plugins.automod import dry_run
from plugins.automod.rules import POSTS, Find, Rules

NAME = "automod"
pytestmark = pytest.mark.bbs(plugins={"enabled": [NAME]})


def found(text: str, **rules: Any) -> bool:
    return Rules(**rules).judge("alice", text, 0) is not None


@pytest.mark.parametrize(
    ("word", "texts", "others"),
    [
        (
            "spam",
            [
                "spam",
                "Buy SPAM!",
                "ｓｐａｍ",
                "s\u200bpam",
                "s\u034fp\ufe0fam",
                "s\u3164pam",
                "(spam)",
                "日本 spam 日本",
            ],
            ["spammer", "antispam", "spa m"],
        ),
        ("spam*", ["spammers", "spam"], ["antispam"]),
        ("straße", ["STRASSE", "Straße."], ["straßenbahn"]),
        ("c++", ["I like C++"], ["c", "c+"]),
        ("日本", ["日本"], ["日本語"]),
        (" green tea ", ["green  tea", "green\ntea", "green\u3000tea"], ["greentea"]),
    ],
)
def test_a_word_is_found_in_every_spelling_and_only_whole(word: str, texts: list[str], others: list[str]) -> None:
    assert [text for text in texts if not found(text, words=[word])] == []
    assert [text for text in others if found(text, words=[word])] == []


@pytest.mark.parametrize(
    "text", ["https://evil.example/x", "see WWW.evil.example.", "a.b.evil.example:80", "evil。example"]
)
def test_a_domain_is_found_with_all_below_it(text: str) -> None:
    assert found(text, domains=["evil.example"])
    assert found(text, domains=[" *.evil.example"])


@pytest.mark.parametrize(
    "text", ["https://notevil.example", "evil-example", "evil.exampled", "evil", "evil.example.org"]
)
def test_a_domain_is_no_part_of_another(text: str) -> None:
    assert not found(text, domains=["evil.example"])


def test_a_pattern_is_as_it_is_written() -> None:
    assert found("call 555-1234", patterns=[r"\d{3}-\d{4}"])
    assert found("shout", patterns=["^shout$"])
    assert not found("x SHOUT", patterns=["^shout$"])


def test_a_pattern_that_would_take_for_ever_takes_no_time() -> None:
    """Backtracking engines need 2 to the power of 9,000 steps."""
    assert not found("a" * 9000 + "b", patterns=["^(a+)+$"])


@pytest.mark.parametrize("word", ["", " ", "*", " ** ", "\u200b"])
@pytest.mark.parametrize("rule", ["words", "domains"])
def test_a_word_of_which_nothing_is_left_is_refused_as_it_would_be_found_everywhere(rule: str, word: str) -> None:
    with pytest.raises(ValueError, match="it needs more than spaces and stars"):
        Rules.model_validate({rule: [word]})


async def test_a_pattern_that_is_none_is_refused_with_its_place(bbs: Bbs) -> None:
    olga = bbs.staff()
    with pytest.raises(InvalidOptions, match=r"automod\.patterns\.1: this is no RE2 pattern \(invalid"):
        await olga.configure(NAME, {"patterns": ["fine", "(back)\\1"]})


def test_the_strictest_deed_counts() -> None:
    rules = Rules(words=["spam"], words_do="log", patterns=["spam"], patterns_do="refuse", domains=["spam"])
    find = rules.judge("alice", "spam", 0)
    assert find is not None
    assert (find.rule, find.deed) == ("unwanted pattern", "refuse")


async def test_what_is_logged_is_shown(bbs: Bbs) -> None:
    alice = await with_rules(bbs, words=["spam"], words_do="log")
    assert await alice.post("spam") == []
    assert [post.text for post in bbs.posts] == ["spam"]
    assert "spam" in await shown(bbs)


async def test_what_is_held_waits_for_its_review(bbs: Bbs) -> None:
    alice = await with_rules(bbs, words=["spam"])
    await alice.post("spam")
    assert ([post.text for post in bbs.held], bbs.posts) == (["spam"], [])


async def test_what_is_refused_is_told_to_its_author(bbs: Bbs) -> None:
    alice = await with_rules(bbs, domains=["evil.example"], domains_do="refuse")
    (told,) = await alice.post("https://evil.example/")
    assert told == "Your post was not kept: https://evil.example/ (unwanted link)"
    assert (bbs.posts, bbs.held) == ([], [])


async def test_a_repetition_is_refused_until_the_window_has_passed(bbs: Bbs) -> None:
    alice = await with_rules(bbs, repeats=2, window_s=60)
    bob = bbs.login("bob")
    answers = [await alice.post("Hello") for _ in range(3)]
    assert [bool(answer) for answer in answers] == [False, False, True]
    assert await bob.post("hello") == await alice.post("something else") == []
    await bbs.clock.advance("61s")
    assert await alice.post("hello") == []


async def test_a_flood_ends_in_a_mute_which_stands_in_the_ledger(bbs: Bbs) -> None:
    alice = await with_rules(bbs, flood=3, mute_minutes=5)
    for number in range(3):
        assert await alice.post(f"post {number}") == []
    told = await alice.post("post 3")
    assert "Your post was not kept: post 3 (flood)" in told
    (muted,) = [act for act in bbs.ledger if act.action == "mute.add"]
    assert muted.actor_kind == "plugin"
    assert "flood" in str(await alice.post("post 4"))
    assert len(bbs.posts) == 3
    await bbs.clock.advance("6m")
    assert await alice.post("post 5") == []


async def test_rules_are_tried_on_what_was_posted_and_nothing_is_done(bbs: Bbs) -> None:
    alice = bbs.login("alice")
    for text in ("spam", "tea", "more spam", "tea"):
        await alice.post(text)
    olga = bbs.staff()
    await olga.configure(NAME, {"words": ["spam"], "words_do": "mute", "repeats": 1})
    acts = len(bbs.ledger)
    tried = str(await olga.act(NAME, "dry_run", posts="1000"))
    assert "Of 4 posts 3 would have been found." in tried
    assert re.search(r"'unwanted word', 'mute', 2", tried)
    assert re.search(r"'repetition', 'refuse', 1", tried)
    assert (len(bbs.posts), bbs.held, len(bbs.ledger)) == (4, [], acts)
    assert "Nothing was found" in await shown(bbs)


async def test_without_rules_the_page_says_so(bbs: Bbs) -> None:
    olga = bbs.staff()
    assert "They are set on the page of the plugin." in str(await olga.open(NAME, "show_finds"))
    await olga.configure(NAME, {"flood": 3})
    assert "Nothing was found" in str(await olga.open(NAME, "show_finds"))


async def test_others_have_a_turn_between_any_two_posts_that_rules_are_tried_on(bbs: Bbs) -> None:
    turns, seen = 0, set()

    class Watched(Rules):
        def judge(self, username: str, text: str, at_ms: int) -> Find | None:
            seen.add(turns)
            return super().judge(username, text, at_ms)

    runner: Any = bbs._board.app.plugins[NAME].runner

    async def take_turns() -> None:
        nonlocal turns
        trying = asyncio.ensure_future(dry_run(runner.server, Watched()))
        while not trying.done():
            turns += 1
            await asyncio.sleep(0)
        await trying

    alice = bbs.login("alice")
    for number in range(20):
        await alice.post(f"post {number}")
    await bbs._board.do(take_turns())
    assert len(seen) == 20


async def test_what_was_found_and_counted_of_a_user_is_forgotten_with_them(bbs: Bbs) -> None:
    alice = await with_rules(bbs, words=["spam"], words_do="log")
    await alice.post("spam of hers")
    await bbs.login("bob").post("spam of his")
    assert "What was found of the user was forgotten." in repr(await bbs.staff("eraser").erase("alice"))
    page = await shown(bbs)
    assert ("alice" in page, "of hers" in page, "of his" in page) == (False, False, True)


def test_memory_is_bounded_however_many_post_and_however_often() -> None:
    rules = Rules(flood=POSTS - 1, window_s=86_400)
    for number in range(5000):
        rules.judge(f"name {number}", "x" * 100, number)
        rules.judge("alice", "x", number)
    assert len(rules._posts) <= 2000
    assert len(rules._posts["alice"]) == POSTS
    assert len(rules.finds) == 100


async def with_rules(bbs: Bbs, **rules: Any) -> Any:
    await bbs.staff("ruler").configure(NAME, rules)
    return bbs.login("alice")


async def shown(bbs: Bbs) -> str:
    return str(await bbs.staff("looker").open(NAME, "show_finds"))
