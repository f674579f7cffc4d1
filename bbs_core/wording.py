"""What staff write: reasons, notes and posts, checked before they are kept."""

from __future__ import annotations

from bbs_core.errors import InvalidAct

REASON_LIMIT = 500
# What one frame carries, so that the stock client shows it as one row.
TEXT_LIMIT = 9000


def checked_text(text: str) -> str:
    """Return a text as it is stored. Raises InvalidAct where it is empty, too long for a frame or half a character."""
    text = text.replace("\0", "\u2400")
    if not text.strip():
        raise InvalidAct("Say something: the text is empty.")
    if len(text) > TEXT_LIMIT:
        raise InvalidAct(f"A text has at most {TEXT_LIMIT:,} characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidAct("A text has whole characters only.") from None
    return text


def checked_reason(reason: str) -> str:
    """Return a reason without the space around it. Raises InvalidAct when it is empty or too long."""
    reason = reason.strip().replace("\0", "\u2400")
    if not reason:
        raise InvalidAct("Say why, in a few words: the reason stands in the ledger.")
    if len(reason) > REASON_LIMIT:
        raise InvalidAct(f"A reason has at most {REASON_LIMIT} characters.")
    try:
        reason.encode()
    except UnicodeEncodeError:  # JSON can spell half a character
        raise InvalidAct("A reason has whole characters only.") from None
    return reason
