"""Asking the staff to look at a post or a message."""

from __future__ import annotations

from bbs_core.plugin import Session, UserError, command

USAGE = "Type /report and some words of the post, or /report dm and the number of the message's row in listdm."


@command("/report")
async def report(session: Session, text: str) -> str:
    """Ask the staff to look at a post: /report its words; or at a message: /report dm 3."""
    first, _, place = text.partition(" ")
    if not text:
        raise UserError(USAGE)
    if first == "dm" and place.strip().isdecimal():
        await session.mail.report(int(place[:9]))
    else:
        await session.board.report(text)
    return "Thank you. The staff will look at it."
