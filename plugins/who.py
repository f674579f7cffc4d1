"""Who is here."""

from __future__ import annotations

from bbs_core.plugin import Session, command, never_blocks


@command("/who")
@never_blocks
def show_names(session: Session) -> list[str]:
    """List the names on line."""
    names = session.online
    return [f"{len(names)} on line:", *names]
