"""Has settings whose model raises when it is made."""

from __future__ import annotations

from pydantic import BaseModel, model_validator

from bbs_core.plugin import command, settings


@settings
class Settings(BaseModel):
    """Cannot be had."""

    sides: int = 6

    @model_validator(mode="after")
    def refuse(self) -> Settings:
        raise RuntimeError("a secret of /etc/bbs")


@command("/raising-settings")
def answer(settings: Settings) -> str:
    """Answer a setting."""
    return str(settings.sides)
