"""Sessions: who is on line now, and ending one."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel

from admin.api.answers import act, page
from admin.api.routing import actor, route
from admin.context import board
from admin.ids import Id
from admin.lists import Found, find
from admin.look import moment
from admin.schemas import Done, IdPath, Listing, Moment, PageQuery, Reason
from bbs_core.presence import kick, list_sessions
from bbs_core.staff import Scope


class SessionsQuery(PageQuery):
    """Which sessions are wanted."""

    user_id: Id | None = None


class Session(BaseModel):
    """A session on line."""

    id: int
    user_id: int
    username: str
    address: str
    opened_at: Moment


class SessionPage(Listing[Session]):
    """Sessions, in no order that means anything."""


def find_sessions(query: SessionsQuery) -> Found[Session]:
    """Return a page of them, as `sessions` lists it."""
    return find(
        query,
        lambda c, asked: list_sessions(c, user_id=query.user_id, after_id=asked.key, limit=asked.rows),
        lambda _, rows: [
            Session(
                id=row["id"],
                user_id=row["user_id"],
                username=row["name"],
                address=row["address"],
                opened_at=moment(row["opened_at_ms"]),
            )
            for row in rows
        ],
    )


@route("GET", "/sessions", Scope.USERS_READ, SessionPage)
def sessions(query: SessionsQuery) -> Response:
    """List the sessions on line, on whichever server."""
    return page(SessionPage, find_sessions(query), query.limit)


@route("POST", "/sessions/<id>/kick", Scope.USERS_MODERATE, Done)
def kick_session(path: IdPath, body: Reason) -> Response:
    """End a session; its user reads the reason."""
    who, ledger = actor(), board().ledger
    return act(lambda c: Done(act_id=kick(c, ledger, who, path.id, body.reason)))
