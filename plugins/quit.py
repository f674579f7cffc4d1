"""Leaving."""

from __future__ import annotations

from bbs_core.plugin import Session, hookimpl, never_blocks


@hookimpl
@never_blocks
def bbs_command_quit(session: Session) -> None:
    """Leave the board."""
    session.end()
