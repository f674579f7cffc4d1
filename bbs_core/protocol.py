"""The 1.2 wire protocol without a socket: bytes in, frames out, and back (docs/protocol.md, Frames)."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable

from bbs_core.errors import ProtocolError

BANNER = "BBS Server 1.2"
HEADER_DIGITS = 4
LONGEST = 9999
# The stock client writes a five-digit header for 10,000 characters and more; its first four digits are at least this.
SHORTEST_CUT_HEADER = 1000

_DIGITS = frozenset(b"0123456789")
_utf8_decoder: Callable[[], codecs.IncrementalDecoder] = codecs.getincrementaldecoder("utf-8")


class Decoder:
    """Turn what a client sends into the texts of its frames, at whatever points the bytes are cut.

    A header counts code points. The first wrong byte sets `error`; what was complete before it is still returned,
    and nothing after it is read. Holds at most one frame that is not complete, and one that is `held`.
    """

    __slots__ = ("_header", "_missing", "_parts", "_utf8", "error", "held")

    def __init__(self) -> None:
        self._header = b""
        self._missing = 0
        self._parts: list[str] | None = None
        self._utf8: codecs.IncrementalDecoder | None = None
        self.error: ProtocolError | None = None
        self.held: str | None = None

    @property
    def mid_frame(self) -> bool:
        """Whether a frame has begun to arrive and is not complete."""
        return bool(self._header) or self._parts is not None

    def feed(self, data: bytes) -> list[str]:
        """Return the texts of the frames that `data` completes."""
        frames: list[str] = []
        if self.error is None:
            try:
                self._read(data, frames)
            except ProtocolError as error:
                self._stop(error)
        return frames

    def release(self) -> list[str]:
        """Return the held text, if any: the stream ended or paused, so its header was not the front of a longer one."""
        held, self.held = self.held, None
        return [] if held is None else [held]

    def _stop(self, error: ProtocolError) -> None:
        self.error = error
        self.held = self._parts = self._utf8 = None
        self._header = b""

    def _read(self, data: bytes, frames: list[str]) -> None:
        position = 0
        if self._parts is not None:
            position = self._read_text(data, 0, frames)
        end = len(data)
        while (position := self._read_plain(data, position, frames)) < end:
            missing = HEADER_DIGITS - len(self._header)
            header = self._header + data[position : position + missing]
            position += missing
            length = _length(header)
            if len(header) < HEADER_DIGITS:
                self._header = header
                return
            self._header = b""
            frames += self.release()
            text = data[position : position + length]
            if len(text) == length and text.isascii():
                position += length
                self._complete(str(text, "ascii"), length, frames)
            else:
                self._missing, self._parts, self._utf8 = length, [], _utf8_decoder()
                position = self._read_text(data, position, frames)

    def _read_plain(self, data: bytes, position: int, frames: list[str]) -> int:
        """Read the frames that nothing is special about, which almost all are; returns where another one begins."""
        if self._header or self.held is not None:
            return position
        while (header := data[position : position + HEADER_DIGITS]).isdigit() and len(header) == HEADER_DIGITS:
            start = position + HEADER_DIGITS
            length = int(header)
            text = data[start : start + length]
            if len(text) < length or length >= SHORTEST_CUT_HEADER or not text.isascii():
                return position
            frames.append(text.decode("ascii"))
            position = start + length
        return position

    def _read_text(self, data: bytes, position: int, frames: list[str]) -> int:
        """Read on in the frame that has begun; n missing code points are at least n bytes, so none is read too far."""
        assert self._parts is not None
        assert self._utf8 is not None
        while self._missing and position < len(data):
            piece = data[position : position + self._missing]
            position += len(piece)
            text = _decode(self._utf8, piece)
            self._missing -= len(text)
            self._parts.append(text)
        if not self._missing:
            text = "".join(self._parts)
            self._parts = self._utf8 = None
            self._complete(text, len(text), frames)
        return position

    def _complete(self, text: str, length: int, frames: list[str]) -> None:
        if length >= SHORTEST_CUT_HEADER and text[0] in "0123456789":
            self.held = text
        else:
            frames.append(text)


def _length(header: bytes) -> int:
    if not _DIGITS.issuperset(header):
        raise ProtocolError("The header of a frame is not four digits.")
    return int(header)


def _decode(utf8: codecs.IncrementalDecoder, piece: bytes) -> str:
    try:
        return utf8.decode(piece)
    except UnicodeDecodeError:
        raise ProtocolError("The text of a frame is not UTF-8.") from None


def encode(text: str) -> bytes:
    """Return the frame that shows `text` to a client: its header counts bytes.

    Raises ProtocolError over 9,999 bytes.
    """
    return _frame(text, len(text.encode()))


def encode_request(text: str) -> bytes:
    """Return the frame in which a client sends `text`: its header counts code points.

    Raises ProtocolError over 9,999 characters.
    """
    return _frame(text, len(text))


def encode_count(count: int) -> bytes:
    """Return the frame that announces `count` rows."""
    return encode(str(count))


def encode_rows(rows: Iterable[str]) -> bytes:
    """Return a whole answer: the count and the frame of each row."""
    frames = [encode(row) for row in rows]
    return encode_count(len(frames)) + b"".join(frames)


def _frame(text: str, length: int) -> bytes:
    if length > LONGEST:
        raise ProtocolError(f"A frame holds at most {LONGEST} characters.")
    return b"%04d" % length + text.encode()
