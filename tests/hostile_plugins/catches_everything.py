"""Goes on whatever is thrown into it, for a while."""

from __future__ import annotations

import time


def misbehave() -> None:
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        try:
            while time.monotonic() < ends:
                pass
        except BaseException:  # noqa: BLE001
            continue
