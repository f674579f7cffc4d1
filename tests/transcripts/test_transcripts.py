"""The model and the board say the same, byte by byte, over hundreds of conversations of several clients in turn.

`make soak` has thousands of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support import SOAK
from tests.transcripts import conversations
from tests.transcripts.differences import KNOWN
from tests.transcripts.world import Turn, World

# Nothing is shrunk: each failure costs a new board, and the conversations are short.
quick = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
few = settings(quick, max_examples=25 * SOAK)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def postgres_server(request: pytest.FixtureRequest) -> str:
    """A server for the boards' databases; empty for SQLite."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="module")
def world(postgres_server: str) -> Iterator[World]:
    """A board with the settings that it has by itself."""
    with World(KNOWN, postgres_server) as running:
        yield running


@settings(quick, max_examples=200 * SOAK)
@given(conversations.people, conversations.turns)
def test_a_board_on_sqlite_says_what_the_model_says(sqlite_world: World, names: list[str], turns: list[Turn]) -> None:
    sqlite_world.converse(names, turns)


@pytest.fixture(scope="module")
def sqlite_world() -> Iterator[World]:
    with World(KNOWN) as running:
        yield running


# A commit takes longer there, and the conversations are the same.
@settings(quick, max_examples=40 * SOAK)
@given(conversations.people, conversations.turns)
def test_a_board_on_postgresql_says_what_the_model_says(
    postgres_world: World, names: list[str], turns: list[Turn]
) -> None:
    postgres_world.converse(names, turns)


@pytest.fixture(scope="module")
def postgres_world(postgres_url: str) -> Iterator[World]:
    with World(KNOWN, postgres_url) as running:
        yield running


@few
@given(conversations.long_people, conversations.long_turns)
def test_long_rows_are_shown_whole(world: World, names: list[str], turns: list[Turn]) -> None:
    world.converse(names, turns)


def test_rows_are_cut_where_a_frame_ends_and_no_character_is(world: World) -> None:
    own = len("127.0.0.1 ")
    units = [("a", 1), ("é", 2), ("日", 3), ("😀", 4)]
    for unit, size in units:
        for end in ("", "z", "zz", "zzz", "é", "日", "😀"):
            for whole in (9999 // size, 9999 // size - 1, (9999 - own) // size, (9999 - own) // size - 1):
                text = (unit * whole + end)[:9999]
                world.converse(["ann"], [(0, [text, "dm", "ann", text])])
    world.converse(["ann"], [(0, ["list"])])


def test_every_character_there_is_comes_through(world: World) -> None:
    characters = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
    texts = [characters[start : start + 2400] for start in range(0, len(characters), 2400)]
    world.converse(["ann"], [(0, [*texts, "list"])])
    world.renew()


@few
@given(conversations.people, conversations.turns)
def test_a_long_history_is_shown_whole(long_world: World, names: list[str], turns: list[Turn]) -> None:
    long_world.converse(names, turns)


@pytest.fixture(scope="module")
def long_world(postgres_server: str) -> Iterator[World]:
    """A board whose history does not fit into the memory that it has for rows."""
    with World(KNOWN, postgres_server, store_memory_bytes=65_536, limits_posts_per_second=0) as running:
        texts = [f"{number:0100}" for number in range(1200)]
        running.converse(["old"], [(0, [frame for text in texts for frame in (text, "dm", "ann", text)])])
        yield running


@pytest.fixture(scope="module")
def windowed_world() -> Iterator[World]:
    """A board that shows the newest five posts."""
    with World(KNOWN, board_window=5) as running:
        yield running


@few
@given(conversations.people, conversations.turns)
def test_a_window_leaves_out_the_older_posts_alone(windowed_world: World, names: list[str], turns: list[Turn]) -> None:
    windowed_world.converse(names, turns)


@pytest.fixture(scope="module")
def capped_world() -> Iterator[World]:
    """A board that slows down whoever posts more than a little."""
    with World(KNOWN, limits_posts_burst=1, limits_posts_per_second=5000) as running:
        yield running


@few
@given(conversations.people, conversations.turns)
def test_who_posts_above_the_rate_is_slowed_and_loses_nothing(
    capped_world: World, names: list[str], turns: list[Turn]
) -> None:
    capped_world.converse(names, turns)
