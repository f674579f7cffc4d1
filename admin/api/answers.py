"""Answers as JSON, and the link to the next page (RFC 8288)."""

from __future__ import annotations

from flask import Response, url_for
from pydantic import BaseModel


def answer(body: BaseModel) -> Response:
    """Return a body as JSON."""
    return Response(body.model_dump_json(), content_type="application/json")


def page_answer(body: BaseModel, endpoint: str, limit: int, cursor: str | None) -> Response:
    """Return a page of a list; the link is relative, so that it holds behind any proxy."""
    response = answer(body)
    if cursor is not None:
        response.headers["Link"] = f'<{url_for(endpoint, limit=limit, cursor=cursor)}>; rel="next"'
    return response
