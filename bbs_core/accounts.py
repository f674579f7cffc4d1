"""Users: the names that have visited the board, with what is known of their visits."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from bbs_core.store.models import User, UserAddress

PAGE_LIMIT = 200


def list_users(connection: sa.Connection, *, after_id: int | None = None, limit: int = 50) -> list[sa.RowMapping]:
    """Return a page of the users that have visited, by id: those after `after_id`, at most `limit` and PAGE_LIMIT."""
    query = (
        sa.select(
            User.id, User.name, User.first_visit_at_ms, User.last_visit_at_ms, User.visits, User.posts, User.messages
        )
        .where(User.first_visit_at_ms.is_not(None))
        .order_by(User.id)
        .limit(min(limit, PAGE_LIMIT))
    )
    if after_id is not None:
        query = query.where(User.id > after_id)
    return list(connection.execute(query).mappings())


def addresses_of(connection: sa.Connection, user_ids: Iterable[int]) -> dict[int, list[sa.RowMapping]]:
    """Return the addresses of each user, the latest first."""
    query = (
        sa.select(UserAddress.__table__)
        .where(UserAddress.user_id.in_(list(user_ids)))
        .order_by(UserAddress.user_id, UserAddress.last_visit_at_ms.desc())
    )
    found: dict[int, list[sa.RowMapping]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["user_id"], []).append(row)
    return found
