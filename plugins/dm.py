"""Direct messages, sent."""

from __future__ import annotations

from bbs_core.plugin import Session, hookimpl, never_blocks


@hookimpl
@never_blocks
def bbs_command_dm(session: Session, to: str, text: str) -> None:
    """Send a message to one name."""
    session.mail.send(to, text)
