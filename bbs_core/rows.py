"""What a user may be shown: control characters made visible, and long rows cut to frames (docs/protocol.md, Rows)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bbs_core.protocol import HEADER_DIGITS, LONGEST

NOTICE_MARK = "* "

_C0 = {code: 0x2400 + code for code in range(0x20) if chr(code) != "\t"}
_C1 = {code: f"<{code:02X}>" for code in range(0x80, 0xA0)}
# Overrides and isolates reorder a whole terminal line; joiners (200C, 200D) and marks (200E, 200F) only shape words.
_BIDI = {code: f"<{code:04X}>" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_BREAKS = {code: f"<{code:04X}>" for code in (0x2028, 0x2029)}
_VISIBLE: dict[int, int | str] = {**_C0, 0x7F: 0x2421, **_C1, **_BIDI, **_BREAKS}


def visible(text: str) -> str:
    """Return `text` with each character that could steer a terminal replaced by a sign that stands for it."""
    # All those characters are among the unprintable ones, and almost no text has any of these.
    return text if text.isprintable() else text.translate(_VISIBLE)


def encodable(text: str) -> str:
    """Return `text` with lone surrogates replaced, which no frame can carry. Raises TypeError for what is no text."""
    if not isinstance(text, str):
        raise TypeError(f"A text is needed, not {type(text).__name__}.")
    if type(text) is str and text.isascii():
        return text
    # Not its own methods: a class of a plugin's may have changed them.
    return str.encode(text, errors="replace").decode()


def cut(row: str) -> Iterator[str]:
    """Yield `row` in pieces of at most 9,999 bytes, cut between characters; an empty row is one piece."""
    if len(row) * 4 <= LONGEST:
        yield row
        return
    data = row.encode()
    start = 0
    while len(data) - start > LONGEST:
        end = _character_boundary(data, start + LONGEST)
        yield data[start:end].decode()
        start = end
    yield data[start:].decode()


def _character_boundary(data: bytes, index: int) -> int:
    while data[index] & 0xC0 == 0x80:
        index -= 1
    return index


def frames(row: str) -> list[bytes]:
    """Return the frames that show one row; almost always one."""
    data = row.encode()
    if len(data) <= LONGEST:
        return [b"%04d%b" % (len(data), data)]
    return [b"%04d%b" % (len(piece), piece) for piece in map(str.encode, cut(row))]


def texts(frames: bytes | bytearray) -> Iterator[str]:
    """Yield the rows that whole frames show; a row that was cut is several."""
    start = 0
    while start < len(frames):
        first = start + HEADER_DIGITS
        start = first + int(frames[start:first])
        yield frames[first:start].decode()


def notices(texts: Iterable[str]) -> list[str]:
    """Return notices as the rows that a user reads, marked and safe to show."""
    return [NOTICE_MARK + visible(text) for text in texts]
