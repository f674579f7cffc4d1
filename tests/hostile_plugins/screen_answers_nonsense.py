"""Screens posts without a wait, and answers for some of them what is no verdict."""

from __future__ import annotations

from bbs_core.plugin import Rewrite, Verdict, hookimpl, never_blocks


@hookimpl
@never_blocks
def bbs_screen_post(text: str) -> Verdict:
    if text == "make a screen babble":
        return 7  # type: ignore[return-value]
    if text == "make a screen rewrite":
        return Rewrite(None)  # type: ignore[arg-type]
    return None
