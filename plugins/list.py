"""Public posts, read."""

from __future__ import annotations

from bbs_core.plugin import Rows, Session, hookimpl, never_blocks


@hookimpl
@never_blocks
def bbs_command_list(session: Session) -> Rows:
    """Show the public posts."""
    return session.board.rows()
