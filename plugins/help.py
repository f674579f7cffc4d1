"""What can be typed."""

from __future__ import annotations

from bbs_core.plugin import CommandInfo, Session, UserError, command, never_blocks


@command("/help")
@never_blocks
def show_commands(session: Session, word: str = "") -> list[str]:
    """List the commands, or explain one: /help who."""
    if word:
        return _explained(session, word)
    return [f"{info.usage}: {info.summary}" for info in session.commands]


def _explained(session: Session, word: str) -> list[str]:
    for info in session.commands:
        if word in (info.word, info.word.removeprefix("/")):
            examples = [f"Example: {example.typed}" for example in info.examples]
            return [info.usage, *filter(None, map(str.strip, info.help.splitlines())), *_limits(info), *examples]
    raise UserError(f"There is no command {word}; type /help to see all.")


def _limits(info: CommandInfo) -> list[str]:
    """Say who may use it and how often, where that is not everyone, and as often as they like."""
    who = [] if info.may == "everyone" else [f"For the group {info.may} only."]
    return [*who, f"At most {info.rate}."] if info.rate else who
