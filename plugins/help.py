"""What can be typed."""

from __future__ import annotations

from bbs_core.plugin import Session, command, never_blocks


@command("/help")
@never_blocks
def show_commands(session: Session) -> list[str]:
    """List the commands."""
    return [f"{info.word}: {info.summary}" for info in session.commands]
