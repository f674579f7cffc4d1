"""Staff, their roles, and the tokens of all."""

from __future__ import annotations

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.tokens import find_tokens
from admin.context import board
from admin.ids import number
from admin.pages.routing import act, actor, asked, back, pages, reason
from admin.schemas import PageQuery
from bbs_core import staff as members
from bbs_core.errors import ActError
from bbs_core.passwords import PASSWORD_MINIMUM, hash_password
from bbs_core.second_factor import remove_factor
from bbs_core.staff import ROLES, Scope
from bbs_core.tokens import revoke_token


@pages.get("/staff")
@scopes.needs(Scope.STAFF_WRITE)
def staff() -> ResponseReturnValue:
    """List the staff and the tokens."""
    return render_template(
        "staff.html",
        staff=board().access.read(members.list_staff),
        tokens=find_tokens(asked(PageQuery)),
        roles=ROLES,
        minimum=PASSWORD_MINIMUM,
    )


@pages.post("/staff")
@scopes.needs(Scope.STAFF_WRITE)
@scopes.fresh
def add_member() -> ResponseReturnValue:
    """Let someone enter the console."""
    who, ledger = actor(), board().ledger
    name, role = request.form.get("name", ""), request.form.get("role", "")
    try:
        # Hashed before the writer is asked: it has no tenth of a second to give.
        password_hash = hash_password(request.form.get("password", ""))
    except ActError as error:
        flash(str(error), "danger")
        return back("pages.staff")
    return act(
        lambda c: members.add_staff(c, ledger, who, name, role, password_hash), f"{name} may enter.", "pages.staff"
    )


@pages.post("/staff/<id:staff_id>/role")
@scopes.needs(Scope.STAFF_WRITE)
@scopes.fresh
def change_role(staff_id: int) -> ResponseReturnValue:
    """Give someone another role."""
    who, ledger, why, role = actor(), board().ledger, reason(), request.form.get("role", "")
    version = number(request.form.get("version", ""))
    return act(
        lambda c: members.change_role(c, ledger, who, staff_id, role, why, version),
        "The role is changed.",
        "pages.staff",
    )


@pages.post("/staff/<id:staff_id>/disable")
@scopes.needs(Scope.STAFF_WRITE)
@scopes.fresh
def disable_member(staff_id: int) -> ResponseReturnValue:
    """Let someone enter no more."""
    who, ledger, why = actor(), board().ledger, reason()
    return act(lambda c: members.disable_staff(c, ledger, who, staff_id, why), "They may not enter.", "pages.staff")


@pages.post("/staff/<id:staff_id>/enable")
@scopes.needs(Scope.STAFF_WRITE)
@scopes.fresh
def enable_member(staff_id: int) -> ResponseReturnValue:
    """Let someone in again."""
    who, ledger, why = actor(), board().ledger, reason()
    return act(lambda c: members.enable_staff(c, ledger, who, staff_id, why), "They may enter again.", "pages.staff")


@pages.post("/staff/<id:staff_id>/factor/remove")
@scopes.needs(Scope.STAFF_WRITE)
@scopes.fresh
def remove_factor_of(staff_id: int) -> ResponseReturnValue:
    """Let someone in without a code, who has lost their second factor."""
    who, ledger, why = actor(), board().ledger, reason()
    return act(
        lambda c: remove_factor(c, ledger, who, staff_id, why), "They enter with the password alone.", "pages.staff"
    )


@pages.post("/tokens/<id:token_id>/revoke")
@scopes.needs(Scope.STAFF_WRITE)
@scopes.fresh
def revoke(token_id: int) -> ResponseReturnValue:
    """Refuse a token from now on."""
    who, ledger = actor(), board().ledger
    return act(lambda c: revoke_token(c, ledger, who, token_id), "The token is refused from now on.", "pages.staff")
