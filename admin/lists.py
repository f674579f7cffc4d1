"""Lists as pages and the API show them: a page of rows, made into items in one read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from admin.context import board
from admin.paging import Page, decode_cursor, encode_cursor
from admin.schemas import PageQuery
from bbs_core.store.access import Connection

Item = TypeVar("Item")
Row = TypeVar("Row")


class Found(NamedTuple, Generic[Item]):
    """The items of a page, and the cursor of the next."""

    items: list[Item]
    next: str | None


def find(
    query: PageQuery,
    fetch: Callable[[Connection, Page], Sequence[Row]],
    items: Callable[[Connection, Sequence[Row]], list[Item]],
    *,
    key: Callable[[Any], tuple[Any, ...]] = lambda row: (row["id"],),
    kinds: Sequence[type[int] | type[str]] = (int,),
) -> Found[Item]:
    """Return the page that a query asks for. Raises InvalidAct for a cursor of another list."""
    wanted = Page(decode_cursor(query.cursor, *kinds), query.limit)

    def found(connection: Connection) -> Found[Item]:
        shown, more = wanted.cut(fetch(connection, wanted))
        return Found(items(connection, shown), encode_cursor(*key(shown[-1])) if more else None)

    return board().access.read(found)
