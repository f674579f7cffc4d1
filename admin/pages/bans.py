"""Bans and mutes, with a preview of whom they hit before they are made."""

from __future__ import annotations

from collections.abc import Mapping

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.sanctions import SanctionsQuery, find_sanctions
from admin.context import board
from admin.ids import number
from admin.pages.routing import act, actor, asked, back, pages, reason
from bbs_core import sanctions
from bbs_core.accounts import get_user
from bbs_core.errors import ActError, InvalidAct
from bbs_core.proposals import KINDS, NOTE_LIMIT, Preview, Proposal, preview
from bbs_core.rows import visible
from bbs_core.rules import BAN, MUTE, USER
from bbs_core.staff import Scope

DURATIONS = {"3600": "an hour", "86400": "a day", "604800": "a week", "2592000": "30 days", "": "until it is lifted"}


@pages.get("/bans")
@scopes.needs(Scope.USERS_READ)
def bans() -> ResponseReturnValue:
    """List the bans."""
    return _list(BAN)


@pages.get("/mutes")
@scopes.needs(Scope.USERS_READ)
def mutes() -> ResponseReturnValue:
    """List the mutes."""
    return _list(MUTE)


@pages.get("/bans/new")
@scopes.needs(Scope.USERS_MODERATE)
def new_ban() -> ResponseReturnValue:
    """Ask whom to ban, and say whom that would hit."""
    return _form(BAN, request.args)


@pages.get("/mutes/new")
@scopes.needs(Scope.USERS_MODERATE)
def new_mute() -> ResponseReturnValue:
    """Ask whom to mute, and say whom that would hit."""
    return _form(MUTE, request.args)


@pages.post("/bans")
@scopes.needs(Scope.USERS_MODERATE)
def add_ban() -> ResponseReturnValue:
    """Keep a name, an address or a network out."""
    return _add(BAN)


@pages.post("/mutes")
@scopes.needs(Scope.USERS_MODERATE)
def add_mute() -> ResponseReturnValue:
    """Let a name, an address or a network read, and not write."""
    return _add(MUTE)


@pages.post("/bans/<id:sanction_id>/lift")
@scopes.needs(Scope.USERS_MODERATE)
def lift_ban(sanction_id: int) -> ResponseReturnValue:
    """End a ban before its time."""
    return _lift(BAN, sanction_id)


@pages.post("/mutes/<id:sanction_id>/lift")
@scopes.needs(Scope.USERS_MODERATE)
def lift_mute(sanction_id: int) -> ResponseReturnValue:
    """End a mute before its time."""
    return _lift(MUTE, sanction_id)


def _list(measure: str) -> ResponseReturnValue:
    query = asked(SanctionsQuery)
    return render_template("bans.html", measure=measure, sanctions=find_sanctions(measure, query), query=query)


def _form(measure: str, given: Mapping[str, str], problem: str = "") -> str:
    hits: Preview | None = None
    name: str | None = None
    try:
        name = _name(given)
        if name is not None or given.get("value"):
            proposal = _proposal(measure, {**given, "reason": given.get("reason") or "not said yet"})
            hits = board().access.read(lambda connection: preview(connection, proposal))
    except ActError as error:
        problem = str(error)
    return render_template(
        "ban_new.html",
        measure=measure,
        given=given,
        name=name,
        hits=hits,
        problem=problem,
        kinds=KINDS,
        durations=DURATIONS,
        note_limit=NOTE_LIMIT,
    )


def _add(measure: str) -> ResponseReturnValue:
    who, ledger = actor(), board().ledger
    try:
        proposal = _proposal(measure, {**request.form, "reason": reason()})
        board().access.write(lambda connection: sanctions.add(connection, ledger, who, proposal))
    except ActError as error:
        # What was typed is not lost.
        return _form(measure, request.form, str(error)), 422
    flash(f"The {measure} is in force.", "success")
    return back(f"pages.{measure}s")


def _proposal(measure: str, given: Mapping[str, str]) -> Proposal:
    seconds = given.get("expires_in_s", "")
    if seconds and not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 12):
        raise InvalidAct("The time is a number of seconds.")
    name = _name(given)
    return Proposal(
        measure=measure,
        kind=given.get("kind", "") if name is None else USER,
        # The field shows signs, and what is banned is what it shows.
        value=visible(given.get("value", "")) if name is None else name,
        reason=given.get("reason", ""),
        note=given.get("note", ""),
        expires_in_s=int(seconds) if seconds else None,
        hide_posts="hide_posts" in given,
        force="force" in given,
        own_address=request.remote_addr or "",
    )


def _name(given: Mapping[str, str]) -> str | None:
    """A user's page names them by number: no field of a form carries every name as it is. Raises NotFound."""
    if "user_id" not in given:
        return None
    user_id = number(given["user_id"])
    found: str = board().access.read(lambda connection: get_user(connection, user_id))["name"]
    return found


def _lift(measure: str, sanction_id: int) -> ResponseReturnValue:
    who, ledger, why = actor(), board().ledger, reason()
    return act(
        lambda c: sanctions.lift(c, ledger, who, sanction_id, why, measure),
        f"The {measure} is lifted.",
        f"pages.{measure}s",
    )
