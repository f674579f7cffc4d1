"""What a plugin may say of a line, a post or a message that it is asked to screen; None lets it pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rewrite:
    """Let it pass with another text; the plugins after this one see that."""

    text: str


@dataclass(frozen=True)
class Hold:
    """Have a post wait for its review; its author is told that it waits, and staff read the reason."""

    reason: str


@dataclass(frozen=True)
class Refuse:
    """Do not take it, and tell whoever sent it why."""

    reason: str


@dataclass(frozen=True)
class Mute:
    """Do not take it, tell whoever sent it why, and let them write nothing for some minutes; an act of the plugin."""

    reason: str
    minutes: int = 10


Verdict = Rewrite | Hold | Refuse | Mute | None
