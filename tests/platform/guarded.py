"""A plugin whose commands are not everyone's."""

from __future__ import annotations

from bbs_core.plugin import Session, command, never_blocks


@command("/grade", may="teachers")
@never_blocks
def grade() -> str:
    """Give a grade."""
    return "A"


@command("/roll", rate="5/m")
@never_blocks
def roll() -> str:
    """Roll a die."""
    return "4"


@command("/vote", may="known", rate="1/10m")
async def vote() -> str:
    """Vote."""
    return "Counted."


@command("/shout")
def shout(session: Session) -> None:
    """Post something."""
    session.board.post("HELLO")
