"""What must hold of all bytes that a client may send, and of all texts that it may be shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bbs_core.protocol import HEADER_DIGITS, LONGEST, Decoder, encode_request
from bbs_core.rows import frames, visible

SPLITS = 4


class Reading(NamedTuple):
    """What a decoder made of a stream that has ended."""

    texts: list[str]
    error: str | None
    mid_frame: bool


def check(data: bytes) -> None:
    """The first bytes say where the stream is split, the others are the stream."""
    lengths, stream = data[:SPLITS], data[SPLITS:]
    whole = read([stream])
    assert read(split(stream, lengths)) == whole
    assert read(split(stream, [1] * len(stream))) == whole
    sent = b"".join(map(encode_request, whole.texts))
    assert stream.startswith(sent)
    assert stream == sent or whole.error is not None or whole.mid_frame
    assert read([sent]) == Reading(whole.texts, None, False)
    for text in whole.texts:
        check_row(text)


def read(pieces: Iterable[bytes]) -> Reading:
    decoder = Decoder()
    texts = [text for piece in pieces for text in decoder.feed(piece)] + decoder.release()
    error = None if decoder.error is None else str(decoder.error)
    assert error is None or decoder.feed(b"0004more") == []
    return Reading(texts, error, decoder.mid_frame)


def split(stream: bytes, lengths: Iterable[int]) -> Iterator[bytes]:
    start = 0
    for length in lengths:
        yield stream[start : start + length]
        start += length
    yield stream[start:]


def check_row(text: str) -> None:
    """No row steers a terminal, and its frames are what a client that counts bytes reads back, all of it."""
    row = visible(text)
    assert not any(is_unsafe(character) for character in row)
    assert row == "".join(map(visible, text))
    shown = list(frames(row))
    assert len(shown) == 1 or all(len(frame) > LONGEST - HEADER_DIGITS for frame in shown[:-1])
    assert "".join(map(text_of, shown)) == row


def is_unsafe(character: str) -> bool:
    control = unicodedata.category(character) == "Cc" and character != "\t"
    return control or character in "\u2028\u2029" or unicodedata.bidirectional(character) in BIDI


BIDI = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def text_of(frame: bytes) -> str:
    header, text = frame[:HEADER_DIGITS], frame[HEADER_DIGITS:]
    assert header == b"%04d" % len(text)
    assert len(text) <= LONGEST
    return text.decode()
