"""Screens posts and messages, and raises for some of them."""

from __future__ import annotations

from bbs_core.plugin import Verdict, hookimpl


@hookimpl
def bbs_screen_post(text: str) -> Verdict:
    if text == "make a screen raise":
        raise RuntimeError(text)
    return None


@hookimpl
def bbs_screen_message(text: str) -> Verdict:
    return bbs_screen_post(text)
