"""Tells the user something that no encoding can carry."""

from __future__ import annotations

from bbs_core.plugin import UserError


def misbehave() -> None:
    raise UserError("half a \ud83d character")
