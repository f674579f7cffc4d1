"""Users: finding one, and all that is known of them."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.posts import PostsQuery, find_posts
from admin.api.sanctions import SanctionsQuery, find_sanctions
from admin.api.sessions import SessionsQuery, find_sessions
from admin.api.users import UsersQuery, find_notes, find_users, read_user
from admin.context import board
from admin.pages.routing import act, actor, asked, pages, reason
from admin.schemas import PageQuery
from bbs_core.presence import kick_user
from bbs_core.remarks import REMARK_LIMIT, add_remark
from bbs_core.rules import BAN, MUTE
from bbs_core.staff import Scope

SHOWN = 10


@pages.get("/users")
@scopes.needs(Scope.USERS_READ)
def users() -> ResponseReturnValue:
    """List the users by filters."""
    query = asked(UsersQuery)
    return render_template("users.html", users=find_users(query), query=query)


@pages.get("/users/<id:user_id>")
@scopes.needs(Scope.USERS_READ)
def user(user_id: int) -> ResponseReturnValue:
    """Show one user."""
    few = {"limit": SHOWN}
    return render_template(
        "user.html",
        user=read_user(user_id),
        sessions=find_sessions(SessionsQuery(user_id=user_id, **few)),
        posts=find_posts(PostsQuery(user_id=user_id, **few)),
        sanctions=[(name, find_sanctions(name, SanctionsQuery(user_id=user_id, **few)).items) for name in (BAN, MUTE)],
        notes=find_notes(user_id, PageQuery(**few)),
        note_limit=REMARK_LIMIT,
    )


@pages.post("/users/<id:user_id>/note")
@scopes.needs(Scope.USERS_MODERATE)
def note_user(user_id: int) -> ResponseReturnValue:
    """Note something of a user, for other staff."""
    who, ledger, text = actor(), board().ledger, request.form.get("text", "")
    return act(lambda c: add_remark(c, ledger, who, user_id, text), "The note is kept.", "pages.users")


@pages.post("/users/<id:user_id>/kick")
@scopes.needs(Scope.USERS_MODERATE)
def kick_all(user_id: int) -> ResponseReturnValue:
    """End all sessions of a user."""
    who, ledger, why = actor(), board().ledger, reason()
    return act(lambda c: kick_user(c, ledger, who, user_id, why), "All their sessions are ended.", "pages.sessions")
