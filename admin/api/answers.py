"""Answers as JSON: one thing, a page of a list with the link to the next (RFC 8288), or what an act came to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, request, url_for
from pydantic import BaseModel

from admin.api.routing import caller
from admin.context import board
from admin.lists import Found
from admin.schemas import Listing, OnceHeader
from bbs_core.replays import once
from bbs_core.store.access import Connection

REPLAYED = "Idempotency-Replayed"


def answer(body: BaseModel) -> Response:
    """Return a body as JSON."""
    return _json(body.model_dump_json(by_alias=True))


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


def page(listing: type[Listing[Any]], found: Found[Any], limit: int) -> Response:
    """Return a page of a list."""
    response = answer(listing(items=found.items, next=found.next))
    if found.next is not None:
        # Relative, so that it holds behind any proxy.
        again = {**(request.view_args or {}), **request.args.to_dict(), "limit": limit, "cursor": found.next}
        response.headers["Link"] = f'<{url_for(request.endpoint or "", **again)}>; rel="next"'
    return response


def _json(text: str) -> Response:
    return Response(text, content_type="application/json")
