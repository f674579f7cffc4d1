"""Users: read who has visited the board."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flask import Response

from admin.api.answers import page_answer
from admin.api.routing import route
from admin.api.schemas import Address, PageQuery, User, UserPage
from admin.context import board
from admin.look import moment
from admin.paging import Page, decode_cursor, encode_cursor
from bbs_core.accounts import addresses_of, list_users
from bbs_core.presence import online_names
from bbs_core.staff import Scope


@route("GET", "/users", Scope.USERS_READ, UserPage)
def users(query: PageQuery) -> Response:
    """List those who have visited the board, by id."""
    page = Page(decode_cursor(query.cursor), query.limit)
    rows = board().access.read(lambda connection: list_users(connection, after_id=page.key, limit=page.rows))
    shown, more = page.cut(rows)
    addresses = board().access.read(lambda connection: addresses_of(connection, [row["id"] for row in shown]))
    names = [row["name"] for row in shown]
    online = board().access.read(lambda connection: online_names(connection, names))
    cursor = encode_cursor(shown[-1]["id"]) if more else None
    body = UserPage(items=[_user(row, addresses.get(row["id"], []), online) for row in shown], next=cursor)
    return page_answer(body, "api.users", query.limit, cursor)


def _user(row: Mapping[Any, Any], addresses: Sequence[Mapping[Any, Any]], online: Collection[str]) -> User:
    return User(
        id=row["id"],
        name=row["name"],
        first_visit_at=moment(row["first_visit_at_ms"]),
        last_visit_at=moment(row["last_visit_at_ms"]),
        visits=row["visits"],
        posts=row["posts"],
        messages=row["messages"],
        addresses=[_address(address) for address in addresses],
        online=row["name"] in online,
    )


def _address(row: Mapping[Any, Any]) -> Address:
    return Address(
        address=row["address"],
        first=moment(row["first_visit_at_ms"]),
        last=moment(row["last_visit_at_ms"]),
        visits=row["visits"],
    )
