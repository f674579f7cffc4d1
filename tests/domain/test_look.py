"""A row that cannot be shown is said to be one, and those around it are shown."""

from __future__ import annotations

from bbs_core.look import UNSHOWN, post_frames
from bbs_core.store.items import NewPost
from tests.domain.kit import Author

YEAR_MS = 365 * 86_400_000


def test_a_time_that_no_calendar_has_costs_one_row() -> None:
    frames = post_frames("{time} {text}", visible_controls=True)
    shown = [b"".join(frames(NewPost(Author(), "ann", "::1", "hello", at_ms, 1))) for at_ms in (0, YEAR_MS << 40, 0)]
    assert shown == [b"00221970-01-01 00:00 hello", b"%04d%b" % (len(UNSHOWN), UNSHOWN.encode()), shown[0]]
