"""The differences from the original that docs/protocol.md names, each a change to what the model answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from tests.stock.model import Model, ModelSession, left_out_row

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
KNOWN = frozenset(
    {
        *("headers", "long-rows", "visible-controls", "nul", "refusal-banner"),
        *("notices", "window", "slash-commands", "caps"),
    }
)
BANNER = "BBS Server 1.2"
CROWDED = "Too many connections come from your address."
LONGEST_BYTES = 9999
# Stands for U+0000 in a model without the difference `nul`, which the model has by itself. No client can send it.
KEPT_NUL = "\ud800"

_first_word = re.compile(r"\S*")


def ids_in(page: str) -> list[str]:
    """Return the ids of the table under the heading "Differences"."""
    section = page.split("\n## Differences\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip().strip("|").split("|") for line in section.splitlines() if line.lstrip().startswith("|")]
    table = [[cell.strip() for cell in row] for row in rows]
    assert [cell.lower() for cell in table[0]] == ["difference", "reason", "id"]
    return [row[-1].strip("`") for row in table[2:]]


def visible(text: str) -> str:
    """Return a row with what could steer a terminal replaced by a sign for it."""
    return text if text.isascii() and text.isprintable() else "".join(map(_sign, text))


def _sign(character: str) -> str:
    code = ord(character)
    if code < 0x20 and character != "\t":
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0x80 <= code < 0xA0:
        return f"<{code:02X}>"
    if 0x2028 <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return f"<{code:04X}>"
    return character


def cut(row: str) -> Iterator[str]:
    """Yield the longest pieces of whole characters that fit into a frame."""
    if len(row) * 4 <= LONGEST_BYTES:
        yield row
        return
    piece: list[str] = []
    size = 0
    for character in row:
        size += len(character.encode())
        if size > LONGEST_BYTES:
            yield "".join(piece)
            piece, size = [], len(character.encode())
        piece.append(character)
    yield "".join(piece)


class Board:
    """The model of the original with `differences` applied to it, and not a byte else changed.

    `window` and `address_limit` are settings of the board, 0 is none; `help_rows` is what `/help` answers there.
    """

    def __init__(
        self, differences: Collection[str], *, window: int = 0, address_limit: int = 0, help_rows: Collection[str] = ()
    ) -> None:
        self.differences = frozenset(differences)
        self.window = window
        self.address_limit = address_limit
        self.help_rows = help_rows
        # A long history is asked for again and again.
        self.shown = lru_cache(None)(self._shown)
        self.frame = lru_cache(None)(self._frame)
        self.model = Model(self.shown)
        self.addresses: Counter[str] = Counter()
        self.names: Counter[str] = Counter()

    def banner(self, ip: str) -> bytes:
        """Return what a client reads that connects now."""
        if "caps" not in self.differences or not self.address_limit or self.addresses[ip] < self.address_limit:
            return self.frame(BANNER)
        return self.frame(CROWDED) if "refusal-banner" in self.differences else b""

    def enter(self, name: str, ip: str) -> Line:
        """Return the line of a client that has given its name."""
        session = self.model.connect(self.taken(name), ip)
        self.names[session.name] += 1
        self.addresses[ip] += 1
        return Line(self, session)

    def leave(self, line: Line) -> None:
        """Close a line."""
        name = line.session.name
        self.addresses[line.session.ip] -= 1
        self.names[name] -= 1
        if not self.names[name]:
            del self.names[name]

    def taken(self, text: str) -> str:
        """Return a text as it comes in at the door."""
        return text if "nul" in self.differences else text.replace("\0", KEPT_NUL)

    def posts_in_window(self, rows: list[str]) -> list[str]:
        """Return the rows of a list that an admin has limited; a row here is a post, none is long."""
        left_out = len(rows) - self.window
        if "window" not in self.differences or not self.window or left_out <= 0:
            return rows
        return [left_out_row(left_out), *rows[left_out:]]

    def who_rows(self) -> list[str]:
        """Return what `/who` answers to a few: each name once, in the order in which they came, a long one cut."""
        short = (name if len(name) <= 40 else name[:39] + "…" for name in self.names)
        return [f"{len(self.names)} on line:", *short]

    def _shown(self, row: str) -> list[str]:
        row = row.replace(KEPT_NUL, "\0")
        row = visible(row) if "visible-controls" in self.differences else row
        return list(cut(row)) if "long-rows" in self.differences else [row]

    def _frame(self, text: str) -> bytes:
        data = text.encode()
        return b"%04d%b" % (len(data) if "headers" in self.differences else len(text), data)


class Line:
    """One session of the model, with what the differences add to it."""

    def __init__(self, board: Board, session: ModelSession) -> None:
        self.board = board
        self.session = session
        self.notices: list[str] = []

    def send(self, frame: str) -> bytes:
        """Take one frame; return the bytes that answer it."""
        if self.session.dm is None and not self.session.ended and "slash-commands" in self.board.differences:
            word = _first_word.findall(frame)[0]
            if word in ("/help", "/who"):
                self.notices += self._command(word, frame[len(word) :].split())
                return b""
            if word in ("//help", "//who"):
                frame = frame[1:]
        answer = self.session.send(self.board.taken(frame))
        return b"" if answer is None else self._answered(frame, answer[1:])

    def _command(self, word: str, words: list[str]) -> Collection[str]:
        """Return what a command of the built-in plugins answers; none of those typed here explains anything."""
        if word == "/who":
            return ["Usage: /who"] if words else self.board.who_rows()
        if len(words) > 1:
            return ["Usage: /help [word]"]
        return [f"There is no command {words[0]}; type /help to see all."] if words else self.board.help_rows

    def _answered(self, word: str, rows: list[str]) -> bytes:
        rows = self.board.posts_in_window(rows) if word == "list" else rows
        if "notices" in self.board.differences:
            rows = rows + [row for notice in self.notices for row in self.board.shown("* " + notice)]
        self.notices = []
        return b"".join(map(self.board.frame, [str(len(rows)), *rows]))
