"""Raises an error whose message is nobody's business."""

from __future__ import annotations


def misbehave() -> None:
    raise ValueError("a secret of /etc/bbs")
