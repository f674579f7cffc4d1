"""Requests that are sent again with the same key: the first answer stands, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import Conflict
from bbs_core.store.staff_models import Replay

KEPT_MS = 24 * 3_600_000
KEY_LIMIT = 200


def once(connection: sa.Connection, token_id: int, key: str, digest: bytes, act: Callable[[], str]) -> tuple[str, bool]:
    """Return what `act` answers, and keep it in its transaction; or the kept answer, and that it was one.

    `digest` tells requests apart. Raises Conflict where the key was used for another one, and what `act` raises.
    """
    connection.execute(sa.delete(Replay).where(Replay.at_ms < now_ms() - KEPT_MS))
    kept = sa.select(Replay.digest, Replay.body).where(Replay.token_id == token_id, Replay.key == key)
    found = connection.execute(kept).one_or_none()
    if found is None:
        body = act()
        values = {"token_id": token_id, "key": key, "digest": digest, "body": body, "at_ms": now_ms()}
        connection.execute(sa.insert(Replay).values(values))
        return body, False
    if bytes(found.digest) != digest:
        raise Conflict("This idempotency key was used for another request.")
    return found.body, True
