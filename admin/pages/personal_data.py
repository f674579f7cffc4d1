"""A user's page leads here: to the file of all that is kept of them, and to erasing it."""

from __future__ import annotations

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.personal_data import erase_user, exported
from admin.api.users import read_user
from admin.context import board
from admin.pages.routing import actor, pages, reason
from bbs_core.erasure import Outcomes
from bbs_core.errors import ActError, InvalidAct
from bbs_core.platform import personal
from bbs_core.staff import Scope


@pages.get("/users/<id:user_id>/export")
@scopes.needs(Scope.EXPORT)
@scopes.fresh
def export_user(user_id: int) -> Response:
    """Return all that the board and its plugins keep of a user, as a file."""
    response = exported(user_id)
    response.headers["Content-Disposition"] = f'attachment; filename="user-{user_id}.json"'
    return response


@pages.get("/users/<id:user_id>/erasure")
@scopes.needs(Scope.USERS_ERASE)
def ask_erase(user_id: int) -> ResponseReturnValue:
    """Say what will go and what stays, and ask whether it is meant."""
    return _page(user_id)


@pages.post("/users/<id:user_id>/erase")
@scopes.needs(Scope.USERS_ERASE)
@scopes.fresh
def erase(user_id: int) -> ResponseReturnValue:
    """Erase a user, and say plugin by plugin what came of it."""
    try:
        if request.form.get("confirm", "").strip() != str(user_id):
            raise InvalidAct(f"Type the number {user_id}, so that nobody else is erased.")
        outcomes = erase_user(actor(), user_id, reason(), "force" in request.form)
    except ActError as error:
        # What was typed is not lost.
        return _page(user_id, problem=str(error)), 422
    return _page(user_id, outcomes)


def _page(user_id: int, outcomes: Outcomes | None = None, problem: str = "") -> str:
    off = personal.silent(board().calls.plugins, "erased")
    return render_template("erase.html", user=read_user(user_id), off=off, outcomes=outcomes, problem=problem)
