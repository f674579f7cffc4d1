"""The ledger: what staff did, by filters, and taking it back."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.acts import ActsQuery, find_acts
from admin.context import board
from admin.pages.routing import act, actor, asked, member, pages, proof, reason
from admin.undoing import take_back
from bbs_core.audit import get_act
from bbs_core.staff import Scope
from bbs_core.undo import REVERSALS, scope_of


@pages.get("/audit")
@scopes.needs(Scope.ACTS_READ)
def audit() -> ResponseReturnValue:
    """List the acts by filters."""
    query = asked(ActsQuery)
    mine = {action for action in REVERSALS if scope_of(action) in member().scopes}
    return render_template("audit.html", acts=find_acts(query), query=query, mine=mine)


@pages.post("/acts/<id:act_id>/undo")
@scopes.needs(Scope.ACTS_READ)
def undo(act_id: int) -> ResponseReturnValue:
    """Take an act back; those on the staff need a fresh proof, as doing them did."""
    console, who, why, granted = board(), actor(), reason(), member().scopes
    action = console.access.read(lambda c: get_act(c, act_id))["action"]
    if action in REVERSALS and scope_of(action) is Scope.STAFF_WRITE and (asking := proof()):
        return asking
    return act(
        lambda c: take_back(c, console, who, granted, act_id, why),
        lambda done: f"Act {act_id} is undone, by act {done}.",
        "pages.audit",
    )
