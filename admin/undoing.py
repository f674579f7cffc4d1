"""Taking an act back, for whoever has the right that the act itself needed."""

from __future__ import annotations

from collections.abc import Collection

from admin.context import ConsoleContext
from bbs_core.audit import get_act
from bbs_core.errors import Forbidden
from bbs_core.ledger import Actor
from bbs_core.staff import Scope
from bbs_core.store.access import Connection
from bbs_core.undo import REVERSALS, scope_of, undo


def take_back(
    connection: Connection, console: ConsoleContext, who: Actor, granted: Collection[Scope], act_id: int, reason: str
) -> int:
    """Undo an act; returns the id of the act that does so. Raises Forbidden, and what `undo` raises."""
    action = get_act(connection, act_id)["action"]
    if action in REVERSALS and scope_of(action) not in granted:
        raise Forbidden(f"Taking this back needs the right {scope_of(action)}, which is not granted.")
    return undo(connection, console.ledger, who, console.start, act_id, reason)
