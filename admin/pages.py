"""The console's pages; everyone who comes here is signed in, as the blueprint's guard sees to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from admin import scopes
from admin.context import board
from admin.door import leave
from admin.paging import Page, decode_cursor, encode_cursor
from bbs_core.accounts import addresses_of, list_users
from bbs_core.errors import ActError
from bbs_core.ledger import Actor
from bbs_core.moderation import hide_post, restore_post
from bbs_core.posts import State, list_posts
from bbs_core.presence import online_names
from bbs_core.staff import Scope
from bbs_core.wording import REASON_LIMIT

POSTS = 50
USERS = 50

pages = Blueprint("pages", __name__)


@pages.before_request
def guard() -> ResponseReturnValue | None:
    """Show strangers the door, and staff no more than their role grants."""
    if not current_user.is_authenticated:
        return redirect(url_for("door.login"), 303)
    scopes.check(current_user.member.scopes)
    return None


@pages.get("/")
@scopes.needs(Scope.USERS_READ, Scope.POSTS_READ)
def home() -> ResponseReturnValue:
    """Show the newest posts and the users."""
    return render_template(
        "home.html",
        **_posts(Page(decode_cursor(request.args.get("posts"), int), POSTS)),
        **_users(Page(decode_cursor(request.args.get("users"), int), USERS)),
        hidden=State.HIDDEN,
        reason_limit=REASON_LIMIT,
        member=current_user.member,
        may_moderate=Scope.POSTS_MODERATE in current_user.member.scopes,
    )


def _posts(page: Page) -> dict[str, Any]:
    rows = board().access.read(lambda connection: list_posts(connection, before_id=page.key, limit=page.rows))
    posts, more = page.cut(rows)
    return {"posts": posts, "older": encode_cursor(posts[-1]["id"]) if more else None}


def _users(page: Page) -> dict[str, Any]:
    rows = board().access.read(lambda connection: list_users(connection, after=page.after, limit=page.rows))
    users, more = page.cut(rows)
    ids = [user["id"] for user in users]
    names = [user["name"] for user in users]
    return {
        "users": users,
        "addresses": board().access.read(lambda connection: addresses_of(connection, ids)),
        "online": board().access.read(lambda connection: online_names(connection, names)),
        "more_users": encode_cursor(users[-1]["id"]) if more else None,
    }


@pages.post("/posts/<id:post_id>/hide")
@scopes.needs(Scope.POSTS_MODERATE)
def hide(post_id: int) -> ResponseReturnValue:
    """Take a post out of every list."""
    return _act(hide_post, post_id, "hidden")


@pages.post("/posts/<id:post_id>/restore")
@scopes.needs(Scope.POSTS_MODERATE)
def restore(post_id: int) -> ResponseReturnValue:
    """Put a post back in its place."""
    return _act(restore_post, post_id, "shown again")


def _act(act: Callable[..., int], post_id: int, done: str) -> ResponseReturnValue:
    # All that belongs to the request is read here: the writer's thread knows no request.
    actor, ledger = Actor("staff", current_user.member.name, "console"), board().ledger
    reason = request.form.get("reason", "")
    try:
        board().access.write(lambda connection: act(connection, ledger, actor, post_id, reason))
    except ActError as error:
        flash(str(error), "danger")
    else:
        flash(f"Post {post_id} is {done}.", "success")
    # Back to the page that it was done on.
    posts, users = request.args.get("posts"), request.args.get("users")
    return redirect(url_for("pages.home", posts=posts, users=users, _anchor=f"post-{post_id}"), 303)


@pages.post("/logout")
@scopes.needs()
def logout() -> ResponseReturnValue:
    """End this login."""
    leave()
    return redirect(url_for("door.login"), 303)
