"""What is kept of a user on a board under test, as the console has it; from any thread but the loop's."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from bbs_core import erasure
from bbs_core.accounts import find_user
from bbs_core.ledger import Actor
from bbs_core.personal_data import as_json, asked_about, export_user
from bbs_core.platform import personal
from bbs_core.testing.running import Running


def export(board: Running, name: str) -> dict[str, Any]:
    """Return all that is kept of a user. Raises NotFound."""
    read = board.app.access.read
    user = read(lambda connection: asked_about(connection, find_user(connection, name)))
    told: dict[str, Any] = json.loads("".join(as_json(export_user(read, user.id, personal.export(board.calls, user)))))
    return told


def erase(board: Running, actor: Actor, name: str, reason: str, force: bool) -> erasure.Outcomes:
    """Erase a user. Raises NotFound, InvalidAct."""
    access, forget = board.app.access, partial(personal.forget, board.calls)
    user_id = access.read(lambda connection: find_user(connection, name))
    return erasure.erase(access, board.app.ledger, actor, forget, user_id, reason, force=force)
