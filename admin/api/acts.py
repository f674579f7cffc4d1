"""Acts: the ledger by filters, and taking one back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act as do
from admin.api.answers import page, read
from admin.api.routing import actor, caller, route
from admin.context import board
from admin.lists import Found, find
from admin.look import moment
from admin.schemas import Done, IdPath, Listing, Moment, PageQuery, Reason, Words, milliseconds
from admin.undoing import take_back
from bbs_core.audit import ActQuery, get_act, list_acts
from bbs_core.staff import Scope


class ActsQuery(PageQuery):
    """Which acts are wanted."""

    actor: Words | None = Field(None, description="The name of who acted.")
    action: Words | None = Field(None, description="What was done, such as post.hide.")
    target_kind: Words | None = None
    target_id: Words | None = None
    since: datetime | None = None
    until: datetime | None = None

    def domain(self) -> ActQuery:
        """Return the query as the domain wants it."""
        times = milliseconds(self.since), milliseconds(self.until)
        return ActQuery(self.actor, self.action, self.target_kind, self.target_id, *times)


class Act(BaseModel):
    """What staff did."""

    id: int
    at: Moment
    actor_kind: str
    actor: str = Field(description="Empty where the name was erased.")
    via: str
    action: str
    target_kind: str
    target_id: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    texts: dict[str, str] = Field(description="Names and addresses that it speaks of.")
    parent_id: int | None
    undoes_id: int | None
    undone_by: int | None
    undoable: bool


class ActPage(Listing[Act]):
    """Acts, the newest first."""


def find_acts(query: ActsQuery) -> Found[Act]:
    """Return a page of them, as `acts` lists it."""
    wanted = query.domain()
    return find(
        query,
        lambda c, asked: list_acts(c, wanted, before_id=asked.key, limit=asked.rows),
        lambda _, rows: [_act(row) for row in rows],
    )


@route("GET", "/acts", Scope.ACTS_READ, ActPage)
def acts(query: ActsQuery) -> Response:
    """List what staff did, the newest first."""
    return page(ActPage, find_acts(query), query.limit)


@route("GET", "/acts/<id>", Scope.ACTS_READ, Act)
def act(path: IdPath) -> Response:
    """Return an act."""
    return read(lambda connection: _act(get_act(connection, path.id)))


@route("POST", "/acts/<id>/undo", Scope.ACTS_READ, Done)
def undo(path: IdPath, body: Reason) -> Response:
    """Take an act back, with all that was done as a part of it; it needs the right that the act itself did."""
    who, console, granted = actor(), board(), caller().scopes
    return do(lambda c: Done(act_id=take_back(c, console, who, granted, path.id, body.reason)))


def _act(row: Mapping[str, Any]) -> Act:
    return Act(
        id=row["id"],
        at=moment(row["at_ms"]),
        actor_kind=row["actor_kind"],
        actor=row["actor_name"],
        via=row["via"],
        action=row["action"],
        target_kind=row["target_kind"],
        target_id=row["target_id"],
        reason=row["reason_text"],
        before=row["before"],
        after=row["after"],
        texts=row["texts"],
        parent_id=row["parent_id"],
        undoes_id=row["undoes_id"],
        undone_by=row["undone_by"],
        undoable=row["undoable"],
    )
