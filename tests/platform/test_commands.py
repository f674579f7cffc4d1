"""A typed function is a command: its signature says what may be typed, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.outside import put
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

CARDS = """
    import threading
    from typing import Annotated, Literal
    from pydantic import Field
    from bbs_core.plugin import Convert, Duration, Rest, User, command, never_blocks

    def in_own_thread():
        return threading.current_thread().name.startswith("plugin-cards")

    class Card:
        def __init__(self, name):
            self.name = name

    def card_of(word):
        if word == "joker":
            raise RuntimeError("no such thing was thought of")
        if word not in ("ace", "king"):
            raise ValueError("there are only aces and kings")
        return Card(word)

    @command("/roll")
    def roll(session, sides: int = 6, *rest: str):
        \"\"\"Roll a die.

        It has six sides
        unless you say so.
        \"\"\"
        return f"{session.username} {sides} {rest}"

    @command("/types")
    def types(
        how: Literal["up", "down"],
        number: Annotated[float, Field(ge=2)],
        loud: bool,
        wait: Duration,
        text: Rest = "-",
    ):
        return f"{how} {number} {loud} {wait.total_seconds()} {text}"

    @command("/deal")
    def deal(session, card: Annotated[Card, Convert(card_of)]):
        return f"{card.name} {in_own_thread()}"

    @command("/poke")
    def poke(session, whom: User, text: Rest = ""):
        return f"{whom.name} {whom.id > 0} {whom.online} {text} {in_own_thread()}"

    @command("/poke-async")
    async def poke_async(session, whom: User):
        return f"{whom.name} {whom.online}"

    @command("/poke-now")
    @never_blocks
    def poke_now(session, whom: User):
        return f"{whom.name} {whom.online}"

    @command("/poke-some")
    def poke_some(session, whom: User | None = None, text: Rest = ""):
        return f"{whom and whom.name} {text}"

    @command("/plain")
    def plain(session, text):
        return f"<{text}>"
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBoard]:
    data = tmp_path_factory.mktemp("board")
    put(data, "cards.py", CARDS)
    with LiveBoard(data) as running, running.client("bob lee"):
        yield running


@pytest.fixture(scope="module")
def ann(board: LiveBoard) -> Iterator[StockClient]:
    with board.client("ann") as client:
        yield client


def answer(client: StockClient, typed: str) -> list[str]:
    """Return what a command answers."""
    client.post(typed)
    return [row.removeprefix("* ") for row in client.list()]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/roll", "ann 6 ()"),
        ("/roll 20", "ann 20 ()"),
        ('/roll  8 for "bob lee" and me', "ann 8 ('for', 'bob lee', 'and', 'me')"),
        ('/roll 8 an"odd "quote', """ann 8 ('an"odd', '"quote')"""),
        ("/types up 2.5 yes 1h30m", "up 2.5 True 5400.0 -"),
        ('/types down 2 off 90s  all   "of it" ', 'down 2.0 False 90.0 all   "of it"'),
        ("/deal ace", "ace True"),
        ("/poke ann", "ann True True  True"),
        ('/poke "bob lee" are you   there', "bob lee True True are you   there True"),
        ("/poke-async ann", "ann True"),
        ("/poke-now ann", "ann True"),
        ("/poke-some", "None "),
        ('/poke-some "bob lee" again', "bob lee again"),
        ("/plain all   of it", "<all   of it>"),
    ],
)
def test_words_become_values(ann: StockClient, typed: str, said: str) -> None:
    assert answer(ann, typed) == [said]


TYPES = "Usage: /types <how> <number> <loud> <wait> [text…]"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/roll x", "Usage: /roll [sides] [rest…] (sides: it should be a valid integer)"),
        (f"/roll {2**63}", "Usage: /roll [sides] [rest…] (sides: this number is too large)"),
        ("/types up", TYPES),
        ("/types left 2 yes 1m", f"{TYPES} (how: it should be 'up' or 'down')"),
        ("/types up 1 yes 1m", f"{TYPES} (number: it should be greater than or equal to 2)"),
        ("/types up nan yes 1m", f"{TYPES} (number: it should be a finite number)"),
        ("/types up 2 maybe 1m", f"{TYPES} (loud: it should be a valid boolean)"),
        ("/types up 2 yes soon", f"{TYPES} (wait: it is written as 90s, 10m or 1h30m)"),
        ("/types up 2 yes 9999999999w", f"{TYPES} (wait: it is written as 90s, 10m or 1h30m)"),
        ("/deal queen", "Usage: /deal <card> (card: there are only aces and kings)"),
        ("/deal ace king", "Usage: /deal <card>"),
        ("/deal", "Usage: /deal <card>"),
        ("/poke nobody", "There is no user nobody."),
        ("/poke", "Usage: /poke <whom> [text…]"),
        ("/poke-async nobody", "There is no user nobody."),
        ("/poke-some nobody", "There is no user nobody."),
        ("/who is there", "Usage: /who"),
    ],
)
def test_what_does_not_fit_is_answered_with_the_usage(ann: StockClient, typed: str, said: str) -> None:
    assert answer(ann, typed) == [said]


def test_a_converter_that_fails_is_an_incident_and_no_wrong_input(ann: StockClient) -> None:
    [row] = answer(ann, "/deal joker")
    assert row.startswith("The plugin cards failed (incident ")


def test_help_shows_usage_and_documentation(ann: StockClient) -> None:
    assert "/roll [sides] [rest…]: Roll a die." in answer(ann, "/help")
    assert answer(ann, "/help roll") == [
        "/roll [sides] [rest…]",
        "Roll a die.",
        "It has six sides",
        "unless you say so.",
    ]
    assert answer(ann, "/help rol") == ["There is no command rol; type /help to see all."]


def test_the_parameters_are_a_json_schema(board: LiveBoard) -> None:
    commands = board.app.plugins.commands
    assert commands["/roll"].schema["properties"] == {
        "sides": {"default": 6, "title": "Sides", "type": "integer"},
        "rest": {"default": [], "items": {"type": "string"}, "title": "Rest", "type": "array"},
    }
    assert commands["/types"].schema["required"] == ["how", "number", "loud", "wait"]
    assert commands["/types"].schema["properties"]["number"]["minimum"] == 2
    assert {one["type"] for one in commands["/poke"].schema["properties"].values()} == {"string"}


def test_a_wrapper_sees_the_text_as_it_was_typed(tmp_path: Path) -> None:
    put(tmp_path, "cards.py", CARDS)
    put(
        tmp_path,
        "watch.py",
        """
        from bbs_core.plugin import hookimpl

        @hookimpl(wrapper=True)
        def bbs_command_roll(session, text):
            return [text, (yield)]
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        assert answer(ann, '/roll  8  "a b"') == ['8  "a b"', "ann 8 ('a b',)"]
