"""What the tests of effects share: a board on either database, and acts of staff as the console does them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from bbs_core import runtime_settings, sanctions
from bbs_core.ledger import Actor, acts_after
from bbs_core.proposals import Proposal
from tests.wire.live import LiveBoard

T = TypeVar("T")
STAFF = Actor("staff", "olga", "console")
BANNED = "You are banned: spam"


def act(board: LiveBoard, function: Callable[..., T], *arguments: Any, **more: Any) -> T:
    """Do an act in the writer; its effect shows when this returns."""
    app = board.app
    return app.access.write(lambda connection: function(connection, app.ledger, STAFF, *arguments, **more))


def ban(board: LiveBoard, kind: str, value: str, **more: Any) -> int:
    """Ban; returns the number of the ban."""
    proposal = Proposal(**{"measure": "ban", "kind": kind, "value": value, "reason": "spam", "force": True, **more})
    return act(board, sanctions.add, proposal)[0]


def mute(board: LiveBoard, kind: str, value: str, **more: Any) -> int:
    """Mute; returns the number of the mute."""
    return ban(board, kind, value, measure="mute", **more)


def change(board: LiveBoard, values: dict[str, Any], reason: str = "a new lesson") -> int:
    """Change settings."""
    return act(board, runtime_settings.change, board.settings, values, reason)


def the_act(board: LiveBoard, act_id: int) -> sa.RowMapping:
    """Return a row of the ledger."""
    return board.app.access.read(lambda connection: acts_after(connection, act_id - 1))[0]
