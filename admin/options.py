"""The settings of plugins, as the board that the console shows has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from admin.context import board
from bbs_core.ledger import Actor
from bbs_core.plugin_options import View, change, view


def seen(plugin: str) -> View | None:
    """Return the settings of a plugin, None where it has none or is not here."""
    console = board()
    return view(console.access, console.start, console.calls.configured, plugin)


def set_options(plugin: str, who: Actor, values: Mapping[str, Any], reason: str, version: int | None) -> int:
    """Change settings of a plugin; returns the act's id. Raises what `change` raises."""
    console = board()
    arguments = (console.access, console.ledger, who, console.start, console.calls.configured)
    return change(*arguments, plugin, values, reason, version)
