"""A plugin with a setting of every kind that a form knows."""

from __future__ import annotations

DICE = """
    from enum import Enum
    from typing import Any, Literal

    from pydantic import BaseModel, Field, SecretStr

    from bbs_core.plugin import Form, Table, action, card, command, page, settings

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

    @page("Rolls")
    def rolls(query, settings):
        cells = [[1, "<xpay> \u202e"], [2, Form(forget, "Forget it", fixed={"roll": 2})]]
        return [f"{settings.sides} {query}", Table(["Roll", "What"], cells, "The last rolls"), Form(forget)]

    @card("Last roll")
    def last(): return "<xpay> \u202e"

    @action("Forget a roll")
    def forget(roll: int, why: str = "<xpay> \u202e"): return [why, "It is forgotten."]
"""
