"""The fenced blocks of the docs: what somebody may copy from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.support import ROOT

FENCE = re.compile(r"^ *```([^\n]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


class Block(NamedTuple):
    """One fenced block, and where it stands."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Name it as compilers do."""
        return f"{self.page}:{self.line}"


def _blocks() -> Iterator[Block]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(str(path.relative_to(ROOT)), line, found[1], found[2])


BLOCKS = list(_blocks())


def block(page: str, within: str) -> str:
    """Return the one block of a page that has these words."""
    [found] = [one.text for one in BLOCKS if one.page == page and within in one.text]
    return found
