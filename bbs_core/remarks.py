"""What staff note of a user, for each other."""

from __future__ import annotations

import sqlalchemy as sa

from bbs_core.accounts import get_user
from bbs_core.clock import now_ms
from bbs_core.errors import InvalidAct
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.store.staff_models import Remark
from bbs_core.wording import checked_text

REMARK_LIMIT = 2000
PAGE_LIMIT = 200


def add_remark(connection: sa.Connection, ledger: Ledger, actor: Actor, user_id: int, text: str) -> tuple[int, int]:
    """Note something of a user; returns the ids of the note and the act. Raises NotFound, InvalidAct."""
    text = checked_text(text)
    if len(text) > REMARK_LIMIT:
        raise InvalidAct(f"A note has at most {REMARK_LIMIT} characters.")
    get_user(connection, user_id)
    values = {"user_id": user_id, "author": actor.name, "text": text, "at_ms": now_ms()}
    remark_id = connection.execute(sa.insert(Remark).values(values).returning(Remark.id)).scalar_one()
    return remark_id, ledger.write(connection, Entry(actor, "user.note", "user", str(user_id)))


def list_remarks(
    connection: sa.Connection, user_id: int, *, before_id: int | None = None, limit: int = 50
) -> list[sa.RowMapping]:
    """Return a page of what is noted of a user, the newest first."""
    query = sa.select(Remark.__table__).where(Remark.user_id == user_id).order_by(Remark.id.desc())
    if before_id is not None:
        query = query.where(Remark.id < before_id)
    return list(connection.execute(query.limit(min(limit, PAGE_LIMIT + 1))).mappings())
