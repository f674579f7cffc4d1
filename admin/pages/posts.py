"""Posts: finding them, acting on one or many, and speaking as the board."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.announcements import find_announcements
from admin.api.posts import PostsQuery, find_posts
from admin.context import board
from admin.ids import number
from admin.pages.routing import act, actor, asked, back, pages, reason
from admin.schemas import PageQuery
from bbs_core import moderation
from bbs_core.clock import now_ms
from bbs_core.noticeboard import TEXT_LIMIT, announce, end_announcement
from bbs_core.posts import PAGE_LIMIT
from bbs_core.runtime_settings import present
from bbs_core.staff import Scope
from bbs_core.store.access import Connection

DONE = {"hide": "hidden", "restore": "shown again", "approve": "approved", "purge": "erased for good"}
HOURS_LIMIT = 24 * 365


@pages.get("/posts")
@scopes.needs(Scope.POSTS_READ)
def posts() -> ResponseReturnValue:
    """List the posts by filters."""
    query = asked(PostsQuery)
    return render_template("posts.html", posts=find_posts(query), query=query)


@pages.post("/posts/<id:post_id>/hide")
@scopes.needs(Scope.POSTS_MODERATE)
def hide(post_id: int) -> ResponseReturnValue:
    """Take a post out of every list."""
    return _one("hide", moderation.hide_post, post_id)


@pages.post("/posts/<id:post_id>/restore")
@scopes.needs(Scope.POSTS_MODERATE)
def restore(post_id: int) -> ResponseReturnValue:
    """Put a post back in its place."""
    return _one("restore", moderation.restore_post, post_id)


@pages.post("/posts/<id:post_id>/approve")
@scopes.needs(Scope.POSTS_MODERATE)
def approve(post_id: int) -> ResponseReturnValue:
    """Show a post that waits for its review."""
    return _one("approve", moderation.approve_post, post_id)


@pages.post("/posts/<id:post_id>/purge")
@scopes.needs(Scope.POSTS_PURGE)
@scopes.fresh
def purge(post_id: int) -> ResponseReturnValue:
    """Erase the text of a post for good."""
    return _one("purge", moderation.purge_post, post_id)


@pages.post("/posts/bulk")
@scopes.needs(Scope.POSTS_MODERATE)
def bulk() -> ResponseReturnValue:
    """Act on all posts that were picked."""
    verb, why, who, ledger = request.form.get("act", ""), reason(), actor(), board().ledger
    ids = [post_id for post_id in map(number, request.form.getlist("ids")[:PAGE_LIMIT]) if post_id]
    if not ids or verb not in ("hide", "restore", "approve"):
        flash("Pick at least one post.", "danger")
        return back("pages.posts")

    def done(outcome: tuple[int, list[int]]) -> str:
        passed = len(ids) - len(outcome[1])
        return f"{len(outcome[1])} posts are {DONE[verb]}." + (f" {passed} could not be." if passed else "")

    return act(lambda c: moderation.act_on_posts(c, ledger, who, verb, ids, why), done, "pages.posts")


@pages.get("/speak")
@scopes.needs(Scope.POSTS_WRITE)
def speak() -> ResponseReturnValue:
    """Show what the board itself says: posts as the operator, and announcements."""
    console = board()
    name = console.access.read(lambda connection: present(connection, console.start).board.operator_name)
    found = find_announcements(asked(PageQuery))
    return render_template(
        "speak.html",
        announcements=found,
        operator=name,
        text_limit=TEXT_LIMIT,
        hours_limit=HOURS_LIMIT,
        running={one.id for one in found.items if one.until.timestamp() * 1000 > now_ms()},
    )


@pages.post("/speak/post")
@scopes.needs(Scope.POSTS_WRITE)
def post_as_board() -> ResponseReturnValue:
    """Post in the name of the board."""
    console, who, text = board(), actor(), request.form.get("text", "")

    def do(connection: Connection) -> tuple[int, int]:
        name = present(connection, console.start).board.operator_name
        return moderation.post_as_operator(connection, console.ledger, who, name, text)

    return act(do, lambda done: f"It is posted, as number {done[0]}.", "pages.speak")


@pages.post("/speak/announce")
@scopes.needs(Scope.POSTS_WRITE)
def announce_to_all() -> ResponseReturnValue:
    """Show everyone a row after their next list."""
    who, ledger, text = actor(), board().ledger, request.form.get("text", "")
    seconds = number(request.form.get("hours", "24")) * 3600
    return act(lambda c: announce(c, ledger, who, text, seconds), "It is announced.", "pages.speak")


@pages.post("/speak/<id:announcement_id>/end")
@scopes.needs(Scope.POSTS_WRITE)
def end(announcement_id: int) -> ResponseReturnValue:
    """Show an announcement no more."""
    who, ledger, why = actor(), board().ledger, reason()
    return act(lambda c: end_announcement(c, ledger, who, announcement_id, why), "It has ended.", "pages.speak")


@pages.post("/posts/clear")
@scopes.needs(Scope.SETTINGS_WRITE)
def clear() -> ResponseReturnValue:
    """Begin a new lesson: all that is posted goes into the archive."""
    console, who, why = board(), actor(), reason()
    return act(
        lambda c: moderation.clear_board(c, console.ledger, who, console.start, why),
        "The board is cleared. Undo it in the audit log to bring everything back.",
        "pages.posts",
    )


def _one(verb: str, do: Callable[..., int], post_id: int) -> ResponseReturnValue:
    who, ledger, why = actor(), board().ledger, reason()
    return act(lambda c: do(c, ledger, who, post_id, why), f"Post {post_id} is {DONE[verb]}.", "pages.posts")
