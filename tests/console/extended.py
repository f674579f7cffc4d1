"""A plugin that has a page, a card and an action of each kind, good and bad."""

from __future__ import annotations

import threading

# What a plugin waits for that hangs, until a test has seen what it wanted; a module is imported anew, this is not.
RELEASE = threading.Event()
BEGUN = threading.Event()

EXTENDED = """
    import asyncio
    import threading
    import time
    from collections import Counter, namedtuple
    from datetime import timedelta
    from enum import StrEnum
    from typing import Annotated, Literal

    from pydantic import Field, SecretStr

    from bbs_core.plugin import (
        Content, Duration, Facts, Form, Heading, Link, Rest, Table, Text, Time, UserError, action, card, page
    )
    from tests.console.extended import BEGUN, RELEASE

    NASTY = "</p></textarea><script>xpay()</script>\\x1b[2J\\u202e{{7919*7919}}"
    done = []

    class Word(StrEnum):
        ONE = "one"

    Row = namedtuple("Row", "number word")

    @page("Deliveries")
    async def sent_things(query: dict[str, str], staff: str) -> Content:
        return [
            f"{staff} looks for {query.get('only', 'all')}.",
            Heading("What was sent"),
            Facts(Counter(posts=3)),
            Facts({"last": Time(1_796_115_600_000), "good": True, "nothing": None}),
            Table(
                ("Number", "Word", ""),
                [
                    Row(1_041, Word.ONE) + (Form(again, fixed={"number": 1041}),),
                    (1.5, Link("more", sent_things, {"only": "a&b"}), Link("out", "https://hooks.example/")),
                ],
                "Deliveries",
            ),
            Link("The users", "/users"),
            Form(try_rules, "Try them", {"words": ["casino"], "within": "30m"}),
        ]

    @page("For owners", scope="staff:write")
    def for_owners(): return "the vault"

    @page(NASTY[:8])
    def nasty():
        return [
            NASTY, Text(NASTY), Heading(NASTY), Facts({NASTY: NASTY}), Table([NASTY], [[NASTY]], NASTY),
            Link(NASTY, nasty, {NASTY: NASTY}), Form(say, NASTY, {"what": NASTY}),
        ]

    @page("Hangs")
    def hangs():
        BEGUN.set()
        RELEASE.wait(30)

    @page("Sleeps")
    async def sleeps(): await asyncio.sleep(999)

    @page("Blocks")
    async def blocks():
        BEGUN.set()
        RELEASE.wait(30)

    @page("Leaves")
    def leaves(): raise SystemExit(3)

    @action("Hold on", records=False)
    def hold_on():
        BEGUN.set()
        RELEASE.wait(30)

    @page("Garbage")
    def garbage(query):
        inner = []
        inner.append(inner)
        return {"recursive": inner, "huge": ["x"] * 200, "own": Treacherous(), "script": Link("x", "javascript:xpay()"),
                "host": Link("x", "//evil.example"), "generator": (x for x in "ab"), "form": Form(print)}[query["what"]]

    class Treacherous(list):
        def __len__(self): raise SystemExit
        def __iter__(self):
            while True: yield "x"

    @card("Held today")
    def held(): return [Facts({"posts": 3}), Link("more", sent_things)]

    @card("For owners", scope="staff:write")
    def owners_card(): return "the vault"

    @action("Send it again")
    def again(number: int, staff: str):
        done.append(number)
        return f"{number} is sent again, for {staff}."

    @action("Try the rules", records=False)
    def try_rules(
        words: list[str],
        deed: Literal["log", "hold"] = "log",
        posts: Annotated[int, Field(ge=1, description="How many of the newest.")] = 1000,
        within: Duration = timedelta(hours=1),
        note: Rest = "",
    ):
        '''Look what the rules would have done.'''
        if "refuse me" in words:
            raise UserError("That is no <word>.")
        return [Text(f"{words} {deed} {posts} {within} {note!r}"), Table(["Post"], [[12]], "What they hold")]

    @action("Say")
    def say(what: Rest): return what

    @action("Keep a key", scope="staff:write")
    def keep(key: SecretStr, size: int = 1): return f"{len(key.get_secret_value())} characters"

    @action("Break")
    def break_it():
        raise RuntimeError("on purpose")
"""

BROKEN_CARDS = """
    import asyncio

    from bbs_core.plugin import Form, action, card
    from tests.console.extended import BEGUN, RELEASE

    asked = []

    @card("Raises")
    def raises():
        asked.append("raises")
        raise RuntimeError

    @card("Waits")
    def waits():
        BEGUN.set()
        RELEASE.wait(30)

    @card("Sleeps")
    async def sleeps(): await asyncio.sleep(999)

    @card("Has a form")
    def has_a_form(): return Form(nothing)

    @card("Works")
    def works(): return "works well"

    @card("Silent")
    def silent(): return None

    @action("Nothing")
    def nothing(): pass
"""
