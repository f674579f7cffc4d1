"""Tells numbers that are none, under names that are none."""

from __future__ import annotations

from typing import Any

from bbs_core.plugin import hookimpl


@hookimpl
def bbs_metrics() -> Any:
    return {"words": "seven", 7: [], None: None, "na\nme\ud83d": float("nan"), '"} 1\n': 1, "x" * 100_000: 2}
