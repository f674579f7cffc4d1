"""Users: the names that have visited the board, with what is known of their visits."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from bbs_core.errors import NotFound
from bbs_core.store.models import User, UserAddress, name_hash, name_key

PAGE_LIMIT = 200
# Of one user; who travels far has hundreds.
ADDRESS_LIMIT = 20


def list_users(connection: sa.Connection, *, after_id: int | None = None, limit: int = 50) -> list[sa.RowMapping]:
    """Return a page of the users that have visited, by id: those after `after_id`, at most `limit`.

    Beyond PAGE_LIMIT there is one more, which tells whether there is a next page.
    """
    query = (
        sa.select(
            User.id, User.name, User.first_visit_at_ms, User.last_visit_at_ms, User.visits, User.posts, User.messages
        )
        .where(User.first_visit_at_ms.is_not(None))
        .order_by(User.id)
        .limit(min(limit, PAGE_LIMIT + 1))
    )
    if after_id is not None:
        query = query.where(User.id > after_id)
    return list(connection.execute(query).mappings())


def make_user(connection: sa.Connection, name: str) -> int:
    """Return the id of the user of a name, who need not have visited yet."""
    found = connection.execute(sa.select(User.id).where(User.name_hash == name_hash(name))).scalar()
    if found is not None:
        return found
    user_id = (connection.execute(sa.select(sa.func.max(User.id))).scalar() or 0) + 1
    values = {"id": user_id, "name": name, "name_hash": name_hash(name), "name_key": name_key(name)}
    connection.execute(sa.insert(User).values(values))
    return user_id


def find_user(connection: sa.Connection, name: str) -> int:
    """Return the id of the user of a name. Raises NotFound."""
    found = connection.execute(sa.select(User.id).where(User.name_hash == name_hash(name))).scalar()
    if found is None:
        raise NotFound("There is no user of this name.")
    return found


def addresses_of(connection: sa.Connection, user_ids: Iterable[int]) -> dict[int, list[sa.RowMapping]]:
    """Return the latest addresses of each user, at most ADDRESS_LIMIT, the last used first."""
    latest = sa.func.row_number().over(
        partition_by=UserAddress.user_id, order_by=(UserAddress.last_visit_at_ms.desc(), UserAddress.address)
    )
    numbered = (
        sa.select(UserAddress.__table__, latest.label("place"))
        .where(UserAddress.user_id.in_(list(user_ids)))
        .subquery()
    )
    query = sa.select(numbered).where(numbered.c.place <= ADDRESS_LIMIT).order_by(numbered.c.user_id, numbered.c.place)
    found: dict[int, list[sa.RowMapping]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["user_id"], []).append(row)
    return found
