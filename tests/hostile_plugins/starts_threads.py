"""Starts threads: one that raises, and one that outlives everything."""

from __future__ import annotations

import threading


def misbehave() -> None:
    threading.Thread(target=lambda: 1 / 0).start()
    threading.Thread(target=threading.Event().wait).start()
