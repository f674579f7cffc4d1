"""Users: the names that have visited the board, with what is known of their visits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import InvalidAct, NotFound
from bbs_core.store.models import User, UserAddress, address_range, name_hash, name_key

PAGE_LIMIT = 200
# Of one user in a list; who travels far has hundreds.
ADDRESS_LIMIT = 20
# Of a network, whose users are looked up one by one; those of a wider one are so many that any order soon meets them.
NETWORK_LIMIT = 1000
SORTS = ("id", "name", "last_visit")
# Behind every character, so that a range of keys holds all that begin alike.
LAST = "\U0010ffff"

_COLUMNS = (User.id, User.name, User.name_key, User.first_visit_at_ms, User.last_visit_at_ms, User.visits, User.posts)
_SELECT = sa.select(*_COLUMNS).add_columns(User.messages)


@dataclass(frozen=True)
class UserQuery:
    """Which users are wanted, and in which order; what is None does not matter.

    `search` is how a name begins, without regard to case; such users come sorted by name, and those of `seen_since_ms`
    by their last visit, so that an index gives them in their order. `among` are queries for ids from elsewhere.
    """

    search: str | None = None
    network: str | None = None
    seen_since_ms: int | None = None
    among: tuple[sa.Select[Any], ...] = ()
    sort: str = "id"

    @property
    def order(self) -> str:
        """How they are sorted."""
        if self.search:
            return "name"
        return "last_visit" if self.seen_since_ms is not None else self.sort


def list_users(
    connection: sa.Connection, query: UserQuery = UserQuery(), *, after: tuple[Any, ...] | None = None, limit: int = 50
) -> list[sa.RowMapping]:
    """Return a page of the users that have visited: those behind the key `after` (see `key_of`), at most `limit`.

    Beyond PAGE_LIMIT there is one more, which tells whether there is a next page. Raises InvalidAct for what is no
    address or network.
    """
    chosen = _SELECT.where(User.first_visit_at_ms.is_not(None)).limit(min(limit, PAGE_LIMIT + 1))
    chosen = chosen.where(*_conditions(connection, query))
    return list(connection.execute(_sorted(chosen, query.order, after)).mappings())


def key_of(row: Any, order: str) -> tuple[Any, ...]:
    """Return the key behind which the next page begins."""
    keys: dict[str, tuple[str, ...]] = {"name": ("name_key", "id"), "last_visit": ("last_visit_at_ms", "id")}
    return tuple(row[name] for name in keys.get(order, ("id",)))


def _sorted(chosen: sa.Select[Any], order: str, after: tuple[Any, ...] | None) -> sa.Select[Any]:
    if order == "last_visit":
        # PostgreSQL has those without a visit first in this order, and would go through all of them.
        visited = chosen.where(User.last_visit_at_ms.is_not(None))
        newest_first = visited.order_by(User.last_visit_at_ms.desc(), User.id.desc())
        return newest_first.where(sa.tuple_(User.last_visit_at_ms, User.id) < after) if after else newest_first
    columns = (User.name_key, User.id) if order == "name" else (User.id,)
    if after:
        chosen = chosen.where(sa.tuple_(*columns) > after if len(columns) > 1 else User.id > after[0])
    return chosen.order_by(*columns)


def _conditions(connection: sa.Connection, query: UserQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if query.search:
        key = name_key(query.search)
        found += [User.name_key >= key, User.name_key <= key + LAST]
    if query.network is not None:
        found.append(_came_from(connection, query.network))
    if query.seen_since_ms is not None:
        found.append(User.last_visit_at_ms >= query.seen_since_ms)
    return [*found, *(User.id.in_(ids) for ids in query.among)]


def _came_from(connection: sa.Connection, network: str) -> sa.ColumnElement[bool]:
    there = sa.select(UserAddress.user_id).where(from_network(network))
    few = connection.execute(there.order_by(UserAddress.address_key).limit(NETWORK_LIMIT + 1)).scalars().all()
    if len(few) <= NETWORK_LIMIT:
        return User.id.in_(few)
    return there.where(UserAddress.user_id == User.id).exists()


def from_network(network: str) -> sa.ColumnElement[bool]:
    """Return the condition that an address is in a network, or is this one. Raises InvalidAct."""
    try:
        low, high = address_range(network.strip())
    except ValueError:
        raise InvalidAct("This is no address, and no network such as 192.0.2.0/24.") from None
    return sa.and_(UserAddress.address_key >= low, UserAddress.address_key <= high)


def get_user(connection: sa.Connection, user_id: int) -> sa.RowMapping:
    """Return one user, who may never have come. Raises NotFound."""
    found = connection.execute(_SELECT.where(User.id == user_id)).mappings().one_or_none()
    if found is None:
        raise NotFound(f"There is no user {user_id}.")
    return found


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
    found = id_of(connection, name)
    if found is None:
        raise NotFound("There is no user of this name.")
    return found


def id_of(connection: sa.Connection, name: str) -> int | None:
    """Return the id of the user of a name, or None."""
    return connection.execute(sa.select(User.id).where(User.name_hash == name_hash(name))).scalar()


def first_visit_ms(connection: sa.Connection, name: str) -> int | None:
    """Return when a name came first, None where it never has."""
    return connection.execute(sa.select(User.first_visit_at_ms).where(User.name_hash == name_hash(name))).scalar()


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


def neighbours(connection: sa.Connection, user_id: int) -> list[sa.RowMapping]:
    """Return who else came from a user's latest addresses, the last used first, at most PAGE_LIMIT.

    Each has `id`, `name`, `address` and `last_visit_at_ms`.
    """
    found: list[sa.RowMapping] = []
    for address in addresses_of(connection, [user_id]).get(user_id, []):
        others = (
            sa.select(User.id, User.name, UserAddress.address, UserAddress.last_visit_at_ms)
            .join(User, User.id == UserAddress.user_id)
            .where(UserAddress.address_key == address["address_key"], UserAddress.user_id != user_id)
            .order_by(UserAddress.user_id)
            .limit(PAGE_LIMIT - len(found))
        )
        found += connection.execute(others).mappings()
    return found
