"""A board for the tests of a plugin, in the process of the tests; docs/hooks.md says how to use it.

What is heavy to import is imported when it is asked for: pytest loads this package in every project beside a board.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bbs_core.errors import Conflict, Forbidden, InvalidAct, NotFound
    from bbs_core.testing.board import Bbs
    from bbs_core.testing.clock import FakeClock
    from bbs_core.testing.staff import Staff
    from bbs_core.testing.visitors import LineEnded, Visitor

__all__ = ["Bbs", "Conflict", "FakeClock", "Forbidden", "InvalidAct", "LineEnded", "NotFound", "Staff", "Visitor"]
_MODULES = {
    "Bbs": "testing.board",
    "FakeClock": "testing.clock",
    "Staff": "testing.staff",
    **dict.fromkeys(("LineEnded", "Visitor"), "testing.visitors"),
    **dict.fromkeys(("Conflict", "Forbidden", "InvalidAct", "NotFound"), "errors"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"bbs_core.{_MODULES[name]}"), name)
