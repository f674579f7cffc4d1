"""The differences from the original that docs/protocol.md names, each a change to what the model answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from tests.stock.model import Model, ModelSession, stored

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
# Stands for U+0000 inside the model, which by itself has the difference `nul`.
KEPT_NUL = "\U0010fffd"
_ROW = re.compile(r"^\|(.*)\|\s*$")


def ids_in(page: str) -> list[str]:
    """Return the ids of the table under the heading "Differences"."""
    section = re.split(r"^#+ ", page.split("\n## Differences", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    rows = [[cell.strip() for cell in found[1].split("|")] for line in section.splitlines() if (found := _ROW.match(line))]
    assert [cell.lower() for cell in rows[0]] == ["difference", "reason", "id"], rows[0]
    return [row[-1].strip("`") for row in rows[2:]]


def visible(text: str) -> str:
    """Return a row as it is shown: what could steer a terminal is replaced by a sign."""
    return text if text.isascii() and text.isprintable() else "".join(map(_sign, text))


def _sign(character: str) -> str:
    code = ord(character)
    if character == "\t" or 0x20 <= code < 0x7F:
        return character
    if code < 0x20 or code == 0x7F:
        return chr(0x2421 if code == 0x7F else 0x2400 + code)
    if 0x80 <= code < 0xA0:
        return f"<{code:02X}>"
    return f"<{code:04X}>" if character in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" else character


def cut(row: str) -> Iterator[str]:
    """Yield the longest pieces of whole characters that fit into a frame."""
    if len(row) * 4 <= LONGEST_BYTES:
        yield row
        return
    piece, size = "", 0
    for character in row:
        size += len(character.encode())
        if size > LONGEST_BYTES:
            yield piece
            piece, size = "", len(character.encode())
        piece += character
    yield piece


@dataclass
class Original:
    """The model of the original with `differences` applied to it, and nothing else changed.

    `window` and `address_limit` are settings of the board; 0 is none. `help_rows` is what `/help` answers there.
    """

    differences: frozenset[str]
    window: int = 0
    address_limit: int = 0
    help_rows: list[str] = field(default_factory=list)
    online: list[str] = field(default_factory=list)

    @cached_property
    def model(self) -> Model:
        return Model(lru_cache(None)(self.show))

    @cached_property
    def frame(self) -> "Frame":
        return lru_cache(None)(self._frame)  # type: ignore[return-value]

    def show(self, row: str) -> list[str]:
        row = row.replace(KEPT_NUL, "\0")
        row = visible(row) if "visible-controls" in self.differences else row
        return list(cut(row)) if "long-rows" in self.differences else [row]

    def _frame(self, text: str) -> bytes:
        data = text.encode()
        return b"%04d%b" % (len(data) if "headers" in self.differences else len(text), data)

    def banner(self) -> bytes:
        """What a client reads that connects now."""
        if "caps" not in self.differences or not self.address_limit or len(self.online) < self.address_limit:
            return self.frame(BANNER)
        return self.frame(CROWDED) if "refusal-banner" in self.differences else b""
