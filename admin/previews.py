"""What rows would look like with other settings, shown to staff before they choose."""

from __future__ import annotations

from typing import NamedTuple

from bbs_core.look import Frames, message_frames, post_frames
from bbs_core.rows import texts
from bbs_core.runtime_settings import PRESET, effective
from bbs_core.settings import PRESETS, BoardSettings, Settings
from bbs_core.store.reads import VISIBLE, StoredRow

# A morning in a class, from addresses that belong to nobody.
POSTS = (
    StoredRow(1, "alice", "192.0.2.10", "Good morning, everyone!", 1_796_115_600_000, VISIBLE),
    StoredRow(2, "bob", "192.0.2.11", "Good morning, Alice. I am on my way.", 1_796_115_660_000, VISIBLE),
)
MESSAGES = (StoredRow(1, "alice", "192.0.2.10", "Meet me at the café ☕", 1_796_115_720_000, VISIBLE),)


class Preview(NamedTuple):
    """The rows of `list` and `listdm`."""

    posts: list[str]
    messages: list[str]


def preview(board: BoardSettings) -> Preview:
    """Return what users would read."""
    posts = post_frames(board.post_row, board.visible_controls)
    return Preview(_rows(posts, POSTS), _rows(message_frames(board.message_row, board.visible_controls), MESSAGES))


def presets(start: Settings) -> dict[str, Preview]:
    """Return what users would read with each preset."""
    return {name: preview(effective(start, {PRESET: name}).board) for name in PRESETS}


def _rows(frames: Frames, rows: tuple[StoredRow, ...]) -> list[str]:
    return [text for row in rows for text in texts(b"".join(frames(row)))]
