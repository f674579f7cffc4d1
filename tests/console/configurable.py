"""A plugin with a setting of every kind that a form knows."""

from __future__ import annotations

DICE = """
    from enum import Enum
    from typing import Any, Literal

    from pydantic import BaseModel, Field, SecretStr

    from bbs_core.plugin import command, settings

    class Colour(Enum):
        RED = "red"
        BLUE = "blue"

    class Account(BaseModel):
        name: str = "ann"
        password: SecretStr = SecretStr("")

    @settings
    class Settings(BaseModel):
        sides: int = Field(6, ge=2, title="Sides of a die", description="More are <xpay> \u202e luckier.")
        odds: float = 0.5
        loud: bool = False
        colour: Colour = Colour.RED
        size: Literal[1, 2] = 1
        greeting: str = "hello"
        poem: str = "one\\ntwo"
        limit: int | None = None
        words: list[str] = ["a", "b"]
        key: SecretStr = SecretStr("")
        account: Account = Account()
        extras: dict[str, Any] = {}

    @command("/sides")
    def sides(settings):
        return f"{settings.sides} sides"
"""
