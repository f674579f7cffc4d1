"""Direct messages, read."""

from __future__ import annotations

from bbs_core.plugin import Rows, Session, hookimpl, never_blocks


@hookimpl
@never_blocks
def bbs_command_listdm(session: Session) -> Rows:
    """Show the messages to your name."""
    return session.mail.rows()
