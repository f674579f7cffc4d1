"""Pages by key: a cursor names the last item that was seen, so that no item is given twice and none left out."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from admin.ids import LARGEST_ID
from bbs_core.errors import InvalidAct

# Of a name's beginning, in four bytes a character, and a number.
CURSOR_LIMIT = 512
Item = TypeVar("Item")
Key = tuple[int | str, ...]


class Page(NamedTuple):
    """What a page asks of the domain: items beyond `after`, and one more than it shows, which tells of a next page."""

    after: Key | None
    limit: int

    @property
    def key(self) -> int | None:
        """The id to go on from, in lists that are sorted by nothing else."""
        return int(self.after[-1]) if self.after else None

    @property
    def rows(self) -> int:
        """How many rows to read."""
        return self.limit + 1

    def cut(self, rows: Sequence[Item]) -> tuple[Sequence[Item], bool]:
        """Return the rows to show, and whether there are more."""
        return rows[: self.limit], len(rows) > self.limit


def encode_cursor(*key: int | str) -> str:
    """Return the cursor of the page after the item with this key."""
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type[int] | type[str]) -> Key | None:
    """Return the key in a cursor, None for the first page. Raises InvalidAct where it is none of this list."""
    if cursor is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor[:CURSOR_LIMIT].encode() + b"==").decode())
    except (ValueError, RecursionError):
        key = None
    if not _is_key(key, kinds) or encode_cursor(*key) != cursor:
        raise InvalidAct("This cursor is none that a page of this list gave.")
    return tuple(key)


def _is_key(key: object, kinds: Sequence[type]) -> bool:
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
        return False
    return all(0 < part <= LARGEST_ID for part in key if isinstance(part, int))
