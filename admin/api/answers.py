"""Answers as JSON: one thing, a page of a list with the link to the next (RFC 8288), or what an act came to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Response, request, url_for
from pydantic import BaseModel

from admin.api.routing import caller
from admin.api.schemas import Listing, OnceHeader, PageQuery
from admin.context import board
from admin.paging import Page, decode_cursor, encode_cursor
from bbs_core.replays import once
from bbs_core.store.access import Connection

Row = TypeVar("Row")
REPLAYED = "Idempotency-Replayed"


def answer(body: BaseModel) -> Response:
    """Return a body as JSON."""
    return _json(body.model_dump_json())


def read(function: Callable[[Connection], BaseModel]) -> Response:
    """Return what a short read finds."""
    return answer(board().access.read(function))


def act(function: Callable[[Connection], BaseModel]) -> Response:
    """Return what an act, in one transaction, came to."""
    return answer(board().access.write(function))


def act_once(header: OnceHeader, function: Callable[[Connection], BaseModel]) -> Response:
    """Act as `act` does, and only once for each idempotency key that a token sends."""
    key = header.idempotency_key
    if key is None:
        return act(function)
    token_id = caller().id
    digest = hashlib.sha256(request.path.encode() + b"\0" + request.get_data()).digest()
    body, replayed = board().access.write(
        lambda connection: once(connection, token_id, key, digest, lambda: function(connection).model_dump_json())
    )
    response = _json(body)
    if replayed:
        response.headers[REPLAYED] = "true"
    return response


def page(
    listing: type[Listing[Any]],
    query: PageQuery,
    fetch: Callable[[Connection, Page], Sequence[Row]],
    items: Callable[[Connection, Sequence[Row]], list[Any]],
    *,
    key: Callable[[Any], tuple[Any, ...]] = lambda row: (row["id"],),
    kinds: Sequence[type[int] | type[str]] = (int,),
) -> Response:
    """Return a page of a list: its rows are fetched, and made into items, in one read."""
    wanted = Page(decode_cursor(query.cursor, *kinds), query.limit)

    def found(connection: Connection) -> tuple[list[Any], str | None]:
        shown, more = wanted.cut(fetch(connection, wanted))
        return items(connection, shown), encode_cursor(*key(shown[-1])) if more else None

    shown, cursor = board().access.read(found)
    response = answer(listing(items=shown, next=cursor))
    if cursor is not None:
        # Relative, so that it holds behind any proxy.
        again = {**(request.view_args or {}), **request.args.to_dict(), "limit": query.limit, "cursor": cursor}
        response.headers["Link"] = f'<{url_for(request.endpoint or "", **again)}>; rel="next"'
    return response


def _json(text: str) -> Response:
    return Response(text, content_type="application/json")
