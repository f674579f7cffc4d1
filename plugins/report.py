"""Asking the staff to look at a post or a message."""

from __future__ import annotations

from bbs_core.plugin import Rest, Session, command


@command("/report")
async def report(session: Session, words: Rest) -> str:
    """Ask the staff to look at a post: /report its words; or at a message: /report dm 3.

    The newest post with these words is meant that you were shown, or the row of your last listdm with this number.
    """
    first, _, place = words.partition(" ")
    if first == "dm" and place.strip().isdecimal():
        await session.mail.report(int(place[:9]))
    else:
        await session.board.report(words)
    return "Thank you. The staff will look at it."
