"""What a user is shown cannot steer a terminal, and a long row is cut without losing a character."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbs_core.protocol import LONGEST
from bbs_core.rows import cut, frames, notices, visible

OVERRIDES = "\u202a\u202b\u202c\u202d\u202e"
ISOLATES = "\u2066\u2067\u2068\u2069"
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
# Of category Cc without the tab, and the others by name; Unicode decides, not the table under test.
UNSAFE = {chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cc"} - {"\t"}
UNSAFE |= set(OVERRIDES + ISOLATES + LINE_BREAKS)
HARMLESS = "\t\u200b\u200c\u200d\u200e\u200f\u061c\ufe0f\u0301 <>*\u2400\xa0\xad"

pieces = st.one_of(st.text(max_size=5), st.sampled_from(sorted(UNSAFE)), st.sampled_from(HARMLESS))
spiced = st.lists(pieces).map("".join)
long_rows = st.builds(
    lambda start, character, count: start + character * count,
    st.text(max_size=5),
    st.sampled_from("aé日\U0001f600"),
    st.integers(2000, 25_000),
)


@given(spiced)
def test_a_shown_text_holds_nothing_unsafe(text: str) -> None:
    assert not UNSAFE.intersection(visible(text))


@given(spiced)
def test_all_else_is_shown_as_it_is_and_in_its_place(text: str) -> None:
    assert visible(text) == "".join(visible(character) if character in UNSAFE else character for character in text)


@pytest.mark.parametrize("character", sorted(UNSAFE))
def test_each_unsafe_character_has_a_sign_of_its_own(character: str) -> None:
    others = UNSAFE - {character}
    assert visible(character).isprintable()
    assert visible(character) not in {visible(other) for other in others}


@pytest.mark.parametrize("text", [*HARMLESS, "👩\u200d👩\u200d👧", "می\u200cخواهم", "שלום\u200f!", "a\tb"])
def test_joiners_marks_and_tabs_pass(text: str) -> None:
    assert visible(text) == text


def test_the_signs_are_those_of_the_control_pictures() -> None:
    assert visible("\0\x1b[2J\x7f\x9b\u202e\u2066\u2028") == "␀␛[2J␡<9B><202E><2066><2028>"


@given(spiced)
def test_a_shown_text_stays_as_it_is_when_shown_again(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(st.one_of(st.text(), long_rows))
def test_the_pieces_of_a_row_are_the_row(row: str) -> None:
    pieces = list(cut(row))
    assert "".join(pieces) == row
    assert all(len(piece.encode()) <= LONGEST for piece in pieces)


@given(long_rows)
def test_a_row_is_cut_no_more_often_than_it_must_be(row: str) -> None:
    first, *others = cut(row)
    if others:
        assert len((first + others[0][0]).encode()) > LONGEST


@pytest.mark.parametrize(("row", "count"), [("", 1), ("a" * 9999, 1), ("a" * 10_000, 2), ("😀" * 9999, 5)])
def test_a_row_has_as_many_pieces_as_it_needs(row: str, count: int) -> None:
    assert len(list(cut(row))) == count


@given(st.one_of(st.text(), long_rows))
def test_the_frames_of_a_row_count_bytes(row: str) -> None:
    for frame, piece in zip(frames(row), cut(row), strict=True):
        assert frame == b"%04d" % len(piece.encode()) + piece.encode()


def test_a_notice_is_marked_and_safe() -> None:
    assert notices(["bell\a", ""]) == ["* bell␇", "* "]
