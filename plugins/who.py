"""Who is here."""

from __future__ import annotations

from itertools import islice

from bbs_core.plugin import Session, command, never_blocks

# A class or two; the rest of a crowd is a number, and the front of a long name is enough to know it by.
NAMES_SHOWN = 100
NAME_CHARACTERS = 40


@command("/who")
@never_blocks
def show_names(session: Session) -> list[str]:
    """List the names on line."""
    names = session.online
    rows = [f"{len(names)} on line:", *map(_short, islice(names, NAMES_SHOWN))]
    if len(names) > NAMES_SHOWN:
        rows.append(f"and {len(names) - NAMES_SHOWN} more")
    return rows


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"
