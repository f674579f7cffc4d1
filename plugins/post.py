"""Public posts."""

from __future__ import annotations

from bbs_core.plugin import Session, hookimpl, never_blocks


@hookimpl
@never_blocks
def bbs_command_post(session: Session, text: str) -> None:
    """Publish what you type."""
    session.board.post(text)
