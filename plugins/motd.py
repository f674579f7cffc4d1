"""The message of the day."""

from __future__ import annotations

from pydantic import BaseModel, Field

from bbs_core.plugin import Session, command, example, hookimpl, never_blocks, settings


@settings
class Settings(BaseModel):
    """What is said."""

    text: str = Field(
        "",
        max_length=2000,
        title="Message of the day",
        description="Shown after the first list of each session, each line as a row; nothing if it is empty.",
    )

    @property
    def rows(self) -> list[str]:
        """The lines that say something."""
        return [line for line in self.text.splitlines() if line.strip()]


@hookimpl
@never_blocks
def bbs_session_opened(session: Session, settings: Settings) -> None:
    """Have the message shown with the session's first list of either kind."""
    for row in settings.rows:
        session.notify(row)


@command("/motd")
@never_blocks
@example("/motd", like="There is no message today.")
def repeat(settings: Settings) -> list[str]:
    """Show the message of the day again."""
    return settings.rows or ["There is no message today."]
