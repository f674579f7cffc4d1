"""Posts: read and search them, post as the operator, and moderate one or many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act, act_once, page, read
from admin.api.routing import actor, route
from admin.context import board
from admin.ids import Id
from admin.lists import Found, find
from admin.look import moment
from admin.schemas import Body, Done, IdPath, Listing, Moment, OnceHeader, PageQuery, Reason, Words, milliseconds
from bbs_core.moderation import (
    act_on_posts,
    approve_post,
    clear_board,
    hide_post,
    post_as_operator,
    purge_post,
    restore_post,
)
from bbs_core.posts import PAGE_LIMIT, PostQuery, State, get_post, list_posts
from bbs_core.runtime_settings import present
from bbs_core.staff import Scope
from bbs_core.store.access import Connection


class PostsQuery(PageQuery):
    """Which posts are wanted."""

    state: Literal["visible", "hidden", "held", "purged"] | None = None
    user_id: Id | None = Field(None, description="Whose posts.")
    words: Words | None = Field(None, description="All in the text; `spam*` begins one. New posts are found later.")
    since: datetime | None = None
    until: datetime | None = None

    def domain(self) -> PostQuery:
        """Return the query as the domain wants it."""
        state = State[self.state.upper()] if self.state else None
        return PostQuery(state, self.user_id, self.words, milliseconds(self.since), milliseconds(self.until))


class Post(BaseModel):
    """A public post, its text as it was sent."""

    id: int
    user_id: int
    username: str
    address: str
    text: str
    at: Moment
    state: Literal["visible", "hidden", "held", "purged"]
    held_for: str | None = Field(description="Why it waits for its review, or waited.")


class PostPage(Listing[Post]):
    """Posts, the newest first."""


class ModeratedPost(Post, Done):
    """A post after an act of staff."""


class NewPost(Body):
    """What the board itself has to say; it stands in the list under the operator's name."""

    text: str


class ManyPosts(Reason):
    """An act on many posts at once."""

    act: Literal["hide", "restore", "approve"]
    ids: list[Id] = Field(min_length=1, max_length=PAGE_LIMIT)


class ManyDone(Done):
    """Which posts an act has changed; the others were in no state for it."""

    ids: list[int]


def find_posts(query: PostsQuery) -> Found[Post]:
    """Return a page of them, as `posts` lists it."""
    wanted = query.domain()
    return find(
        query,
        lambda c, asked: list_posts(c, wanted, before_id=asked.key, limit=asked.rows),
        lambda _, rows: [post_of(row) for row in rows],
    )


@route("GET", "/posts", Scope.POSTS_READ, PostPage)
def posts(query: PostsQuery) -> Response:
    """List the posts, the newest first."""
    return page(PostPage, find_posts(query), query.limit)


@route("GET", "/posts/<id>", Scope.POSTS_READ, Post)
def post(path: IdPath) -> Response:
    """Return a post."""
    return read(lambda connection: post_of(get_post(connection, path.id)))


@route("POST", "/posts", Scope.POSTS_WRITE, ModeratedPost)
def add(header: OnceHeader, body: NewPost) -> Response:
    """Post in the name of the board."""
    who, ledger, start = actor(), board().ledger, board().start

    def done(connection: Connection) -> ModeratedPost:
        name = present(connection, start).board.operator_name
        post_id, act_id = post_as_operator(connection, ledger, who, name, body.text)
        return ModeratedPost(**_fields(get_post(connection, post_id)), act_id=act_id)

    return act_once(header, done)


@route("POST", "/posts/bulk", Scope.POSTS_MODERATE, ManyDone)
def bulk(body: ManyPosts) -> Response:
    """Hide, restore or approve many posts; each has its row in the ledger, below the act's own."""
    who, ledger = actor(), board().ledger

    def done(connection: Connection) -> ManyDone:
        act_id, changed = act_on_posts(connection, ledger, who, body.act, body.ids, body.reason)
        return ManyDone(act_id=act_id, ids=changed)

    return act(done)


@route("POST", "/posts/clear", Scope.SETTINGS_WRITE, Done)
def clear(body: Reason) -> Response:
    """Put all that is posted so far into the archive, so that lists begin anew; undoing the act brings it back."""
    who, ledger, start = actor(), board().ledger, board().start
    return act(lambda c: Done(act_id=clear_board(c, ledger, who, start, body.reason)))


@route("POST", "/posts/<id>/hide", Scope.POSTS_MODERATE, ModeratedPost)
def hide(path: IdPath, body: Reason) -> Response:
    """Take a post out of every list."""
    return _act(hide_post, path.id, body.reason)


@route("POST", "/posts/<id>/restore", Scope.POSTS_MODERATE, ModeratedPost)
def restore(path: IdPath, body: Reason) -> Response:
    """Put a hidden post back in its old place."""
    return _act(restore_post, path.id, body.reason)


@route("POST", "/posts/<id>/approve", Scope.POSTS_MODERATE, ModeratedPost)
def approve(path: IdPath, body: Reason) -> Response:
    """Show a post that waits for its review, and tell its author."""
    return _act(approve_post, path.id, body.reason)


@route("POST", "/posts/<id>/purge", Scope.POSTS_PURGE, ModeratedPost)
def purge(path: IdPath, body: Reason) -> Response:
    """Erase the text of a post for good."""
    return _act(purge_post, path.id, body.reason)


def _act(do: Callable[..., int], post_id: int, reason: str) -> Response:
    who, ledger = actor(), board().ledger

    def done(connection: Connection) -> ModeratedPost:
        act_id = do(connection, ledger, who, post_id, reason)
        return ModeratedPost(**_fields(get_post(connection, post_id)), act_id=act_id)

    return act(done)


def post_of(row: Mapping[Any, Any]) -> Post:
    """Return a post as the API shows it."""
    return Post(**_fields(row))


def _fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "username": row["username"],
        "address": row["address"],
        "text": row["text"],
        "at": moment(row["at_ms"]),
        "state": State(row["state"]).name.lower(),
        "held_for": row["held_for"],
    }
