"""How fast one user may write: a bucket of posts, which fills up at the rate that is set."""

from __future__ import annotations

import time

from bbs_core.settings import LimitSettings


class Allowance:
    """What one line has left; belongs to the loop's thread."""

    __slots__ = ("_left", "_looked_at")

    def __init__(self, limits: LimitSettings) -> None:
        self._left = float(limits.posts_burst)
        self._looked_at = time.monotonic()

    def take(self, limits: LimitSettings) -> float:
        """Take a post out, and return the seconds that it has to wait."""
        if not limits.posts_per_second:
            return 0.0
        now = time.monotonic()
        gained = (now - self._looked_at) * limits.posts_per_second
        self._left = min(limits.posts_burst, self._left + gained) - 1
        self._looked_at = now
        return max(0.0, -self._left / limits.posts_per_second)
