"""Posts: read them, hide one, restore one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response

from admin.api.answers import answer, page_answer
from admin.api.routing import actor, route
from admin.api.schemas import ModeratedPost, PageQuery, Post, PostPage, PostPath, Reason
from admin.context import board
from admin.look import moment
from admin.paging import Page, decode_cursor, encode_cursor
from bbs_core.moderation import State, get_post, hide_post, list_posts, restore_post
from bbs_core.staff import Scope


@route("GET", "/posts", Scope.POSTS_READ, PostPage)
def posts(query: PageQuery) -> Response:
    """List the posts, the newest first."""
    page = Page(decode_cursor(query.cursor), query.limit)
    rows = board().access.read(lambda connection: list_posts(connection, before_id=page.key, limit=page.rows))
    shown, more = page.cut(rows)
    cursor = encode_cursor(shown[-1]["id"]) if more else None
    body = PostPage(items=[Post(**_fields(row)) for row in shown], next=cursor)
    return page_answer(body, "api.posts", query.limit, cursor)


@route("POST", "/posts/<id>/hide", Scope.POSTS_MODERATE, ModeratedPost)
def hide(path: PostPath, body: Reason) -> Response:
    """Take a post out of every list."""
    return _act(hide_post, path.id, body.reason)


@route("POST", "/posts/<id>/restore", Scope.POSTS_MODERATE, ModeratedPost)
def restore(path: PostPath, body: Reason) -> Response:
    """Put a hidden post back in its old place."""
    return _act(restore_post, path.id, body.reason)


def _act(act: Callable[..., int], post_id: int, reason: str) -> Response:
    who, ledger = actor(), board().ledger
    act_id, row = board().access.write(
        lambda connection: (act(connection, ledger, who, post_id, reason), get_post(connection, post_id))
    )
    return answer(ModeratedPost(**_fields(row), act_id=act_id))


def _fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "username": row["username"],
        "address": row["address"],
        "text": row["text"],
        "at": moment(row["at_ms"]),
        "state": State(row["state"]).name.lower(),
    }
