"""Pages by key: a cursor names the last item that was seen, so that no item is given twice and none left out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from admin.ids import LARGEST_ID
from bbs_core.errors import InvalidAct

CURSOR_LIMIT = 32
Item = TypeVar("Item")


class Page(NamedTuple):
    """What a page asks of the domain: items beyond `key`, and one more than it shows, which tells of a next page."""

    key: int | None
    limit: int

    @property
    def rows(self) -> int:
        """How many rows to read."""
        return self.limit + 1

    def cut(self, rows: Sequence[Item]) -> tuple[Sequence[Item], bool]:
        """Return the rows to show, and whether there are more."""
        return rows[: self.limit], len(rows) > self.limit


def encode_cursor(key: int) -> str:
    """Return the cursor of the page after the item with this key."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> int | None:
    """Return the key in a cursor, None for the first page. Raises InvalidAct where it is none of ours."""
    if cursor is None:
        return None
    try:
        key = int(base64.urlsafe_b64decode(cursor[:CURSOR_LIMIT] + "==").decode())
    except (ValueError, binascii.Error):
        key = 0
    if not 0 < key <= LARGEST_ID or encode_cursor(key) != cursor:
        raise InvalidAct("This cursor is none that a page of this list gave.")
    return key
