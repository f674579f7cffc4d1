"""What waits for a user's next list: bounded, as nobody may ever ask for it."""

from __future__ import annotations

import sys
import threading

# So many, and so many bytes of memory, for each session; when there is more, the oldest go, and that is said. They go
# in strides, so that for a while it may be twice as much.
NOTICE_LIMIT = 1000
NOTICE_BYTES = 128 * 1024
# One that is longer is cut; four bytes a character at most, so that it always fits.
NOTICE_CHARACTERS = 30_000


class Notices:
    """The notices of one session, added from any thread."""

    __slots__ = ("_dropped", "_size_bytes", "_texts")

    # One for all sessions: it is held for microseconds, and an idle session should weigh little.
    _lock = threading.Lock()

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._size_bytes = 0
        self._dropped = 0

    def add(self, text: str) -> None:
        """Keep a notice."""
        if len(text) > NOTICE_CHARACTERS:
            text = text[: NOTICE_CHARACTERS - 1] + "…"
        with self._lock:
            self._texts.append(text)
            self._size_bytes += sys.getsizeof(text)
            # Each time the rest of the list moves up.
            if len(self._texts) >= 2 * NOTICE_LIMIT or self._size_bytes >= 2 * NOTICE_BYTES:
                self._drop()

    def take(self) -> list[str]:
        """Return what waits, oldest first, and keep it no more."""
        if not self._texts:
            return []
        with self._lock:
            self._drop()
            texts, dropped = self._texts, self._dropped
            self._texts, self._size_bytes, self._dropped = [], 0, 0
        return [f"({dropped} earlier notices were dropped.)", *texts] if dropped else texts

    def _drop(self) -> None:
        """Let go of the oldest until the rest is within the bounds."""
        count = 0
        while len(self._texts) - count > NOTICE_LIMIT or self._size_bytes > NOTICE_BYTES:
            self._size_bytes -= sys.getsizeof(self._texts[count])
            count += 1
        self._dropped += count
        del self._texts[:count]
