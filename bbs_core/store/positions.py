"""How far whoever follows the board's rows has come; on a shared database one server at a time moves on."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.store.models import Position

# The name of a server that shares its database with no other: whatever it keeps, it keeps from nobody.
ALONE = ""


def take(
    connection: sa.Connection, name: str, node: str, lease_s: int, last_id: Callable[[sa.Connection], int]
) -> int | None:
    """Return the id up to which all is done, and keep other servers from it for a while; None while one keeps us.

    Who follows for the first time begins behind what is there.
    """
    row = connection.execute(sa.select(Position.__table__).where(Position.name == name)).mappings().one_or_none()
    held = {"node": node, "held_until_ms": now_ms() + lease_s * 1000}
    if row is None:
        through_id = last_id(connection)
        connection.execute(sa.insert(Position).values(name=name, through_id=through_id, **held))
        return through_id
    if row["node"] not in (ALONE, node) and row["held_until_ms"] > now_ms():
        return None
    connection.execute(sa.update(Position).where(Position.name == name).values(held))
    return int(row["through_id"])


def move(connection: sa.Connection, name: str, through_id: int) -> None:
    """Note that all up to an id is done."""
    connection.execute(sa.update(Position).where(Position.name == name).values(through_id=through_id))


def give_up(connection: sa.Connection, node: str) -> None:
    """Let others go on at once with what a server has kept for itself."""
    connection.execute(sa.update(Position).where(Position.node == node).values(node=ALONE))
