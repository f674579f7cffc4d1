"""Who is on line now."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.sessions import SessionsQuery, find_sessions
from admin.context import board
from admin.pages.routing import act, actor, asked, pages, reason
from bbs_core.presence import kick
from bbs_core.staff import Scope


@pages.get("/sessions")
@scopes.needs(Scope.USERS_READ)
def sessions() -> ResponseReturnValue:
    """List the sessions on line; the page refreshes itself."""
    return render_template("sessions.html", sessions=find_sessions(asked(SessionsQuery)))


@pages.post("/sessions/<id:session_id>/kick")
@scopes.needs(Scope.USERS_MODERATE)
def kick_session(session_id: int) -> ResponseReturnValue:
    """End a session."""
    who, ledger, why = actor(), board().ledger, reason()
    return act(lambda c: kick(c, ledger, who, session_id, why), "The session is ended.", "pages.sessions")
