"""The decoder gives the same frames wherever the bytes are cut, and nothing after the first wrong byte."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbs_core.protocol import LONGEST, Decoder, encode_request

EMOJI = "\U0001f600"
TEXTS = ["", "a", "café", "日本語", EMOJI * 3, "e\u0301", "\0", "0004", "quit"]
SHORTEST_HELD = 1000

texts = st.one_of(st.text(max_size=12), st.sampled_from(TEXTS))
# The front of what a stock client sends for 10,000 characters looks like one of these.
long_texts = st.builds(lambda first, rest: first + "é" * rest, st.sampled_from("0179x"), st.integers(998, 1003))
streams = st.lists(st.one_of(texts, texts, texts, long_texts), max_size=6).map(lambda all_: b"".join(map(frame, all_)))
BAD_HEADERS = [b"+012", b" 012", b"1_00", b"-001", b"0x10", b"12.0", b"GET ", b"\x16\x03\x01\x02", "٠٠٠١".encode()]
BAD_TEXTS = [b"\xff", b"a\xc3(", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98a"]
rubbish = st.one_of(
    st.sampled_from(BAD_HEADERS),
    st.sampled_from(BAD_TEXTS).map(lambda bad: b"0007ok" + bad + b"..."),
    st.binary(max_size=8),
)


def frame(text: str) -> bytes:
    return b"%04d" % len(text) + text.encode()


def pieces_of(stream: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    bounds = [0, *sorted(cuts), len(stream)]
    return (stream[low:high] for low, high in pairwise(bounds))


def decoded(pieces: Iterable[bytes]) -> tuple[list[str], bool, bool]:
    """Return the frames of a whole stream, whether it has an error, and whether it ends inside a frame."""
    decoder = Decoder()
    frames = [text for piece in pieces for text in decoder.feed(piece)] + decoder.release()
    return frames, decoder.error is not None, decoder.mid_frame


def specified(stream: bytes) -> tuple[list[str], bool, bool]:
    """Say the same from the whole stream, a character at a time; a held frame before an error is dropped."""
    frames: list[str] = []
    position = 0
    while position < len(stream):
        header = stream[position : position + 4]
        if not all(0x30 <= byte <= 0x39 for byte in header):
            if frames and len(frames[-1]) >= SHORTEST_HELD and frames[-1][0] in "0123456789":
                frames.pop()
            return frames, True, False
        position += 4
        if len(header) < 4:
            break
        text = ""
        while len(text) < int(header) and position < len(stream):
            character, size = next_character(stream[position : position + 4])
            if size == 0:
                return frames, character == "bad", character != "bad"
            text, position = text + character, position + size
        if len(text) < int(header):
            break
        frames.append(text)
    else:
        return frames, False, False
    return frames, False, True


def next_character(data: bytes) -> tuple[str, int]:
    """Return a character and its bytes; 0 bytes where it is bad or has not come whole."""
    for size in range(1, len(data) + 1):
        try:
            return data[:size].decode(), size
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                return "bad", 0
    return "cut", 0


@given(streams, st.data())
def test_every_split_of_a_stream_gives_its_frames(stream: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    assert decoded(pieces_of(stream, cuts)) == specified(stream)


@given(streams, rubbish, st.data())
def test_every_split_of_a_broken_stream_gives_what_came_before(stream: bytes, bad: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream + bad)), max_size=10))
    assert decoded(pieces_of(stream + bad, cuts)) == specified(stream + bad)


@given(st.lists(texts, max_size=5), rubbish)
def test_single_bytes_give_what_one_piece_gives(sent: list[str], bad: bytes) -> None:
    stream = b"".join(map(frame, sent)) + bad
    assert decoded(pieces_of(stream, range(len(stream)))) == decoded([stream])


def test_each_pair_of_cuts_gives_the_same_frames() -> None:
    stream = b"".join(map(frame, TEXTS))
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1):
            assert decoded(pieces_of(stream, [first, second])) == (TEXTS, False, False)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_what_a_client_encodes_is_decoded(sent: list[str]) -> None:
    assert decoded([b"".join(map(encode_request, sent))]) == (sent, False, False)


def test_a_header_counts_code_points() -> None:
    assert Decoder().feed(b"0004caf\xc3\xa90001\xf0\x9f\x98\x80") == ["café", EMOJI]


@pytest.mark.parametrize("character", ["a", "é", "日", EMOJI])
def test_the_longest_frame_arrives_whole(character: str) -> None:
    assert decoded([frame(character * LONGEST) + frame("next")])[0] == [character * LONGEST, "next"]


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_a_header_is_four_ascii_digits(header: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(frame("before") + header + frame("after")) == ["before"]
    assert str(decoder.error) == "The header of a frame is not four digits."


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_the_first_wrong_byte_of_a_header_is_enough(header: bytes) -> None:
    wrong = next(place for place, byte in enumerate(header) if not 0x30 <= byte <= 0x39)
    decoder = Decoder()
    assert decoder.feed(header[:wrong]) == []
    assert decoder.error is None
    assert decoder.feed(header[wrong : wrong + 1]) == []
    assert decoder.error is not None


@pytest.mark.parametrize("bad", BAD_TEXTS)
def test_a_text_is_utf_8(bad: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(frame("before") + b"0009mid" + bad + b"filler" + frame("after")) == ["before"]
    assert str(decoder.error) == "The text of a frame is not UTF-8."


def test_nothing_is_read_after_an_error() -> None:
    decoder = Decoder()
    decoder.feed(b"oops")
    assert decoder.feed(frame("after")) == []
    assert decoder.release() == []
    assert not decoder.mid_frame


@pytest.mark.parametrize("character", ["a", "é", EMOJI])
@pytest.mark.parametrize("length", [10_000, 10_001, 12_345, 99_999, 100_000])
def test_a_five_digit_header_gives_no_frame(character: str, length: int) -> None:
    stream = frame("before") + f"{length}".encode() + character.encode() * length
    assert decoded([stream]) == (["before"], True, False)
    assert decoded(pieces_of(stream, range(0, len(stream), 999))) == (["before"], True, False)


def test_a_frame_that_may_be_the_front_of_a_longer_one_is_held_until_the_next_header() -> None:
    decoder = Decoder()
    text = "1" + "a" * 1999
    assert decoder.feed(frame(text) + b"000") == []
    assert decoder.held == text
    assert decoder.feed(b"4list") == [text, "list"]
    assert decoder.held is None


def test_a_held_frame_is_released_once() -> None:
    decoder = Decoder()
    text = "7" + "a" * 999
    assert decoder.feed(frame(text)) == []
    assert (decoder.mid_frame, decoder.release(), decoder.release()) == (False, [text], [])


@pytest.mark.parametrize("text", ["1" + "a" * 998, "a" * 1000, "٣" + "a" * 1000])
def test_other_frames_are_not_held(text: str) -> None:
    assert Decoder().feed(frame(text)) == [text]


def test_it_knows_whether_it_is_inside_a_frame() -> None:
    decoder = Decoder()
    stream = frame("é") + frame("") + frame("x")
    inside = [bool(decoder.feed(stream[place : place + 1]) or decoder.mid_frame) for place in range(len(stream))]
    assert all(inside)
    assert not decoder.mid_frame


def test_the_bytes_of_an_unfinished_frame_are_all_it_holds() -> None:
    """A frame of 9,999 emoji that came one byte at a time, behind a held one, and ten megabytes of rubbish."""
    tracemalloc.start()
    try:
        decoder = Decoder()
        decoder.feed(frame("1" * LONGEST) + b"9999")
        for byte in (EMOJI * (LONGEST - 1)).encode():
            decoder.feed(bytes([byte]))
        assert decoder.mid_frame
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
        decoder.feed(b"\xff")
        for _ in range(10):
            decoder.feed(b"9999" * 250_000)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
