"""Reports: what users asked staff to look at; many reports of one thing are one item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act, answer, page
from admin.api.posts import Post, post_of
from admin.api.routing import actor, caller, route
from admin.context import board
from admin.ids import Id
from admin.lists import Found, find
from admin.look import moment
from admin.schemas import Asked, Body, Done, Listing, Moment, PageQuery, Reason
from bbs_core import reports
from bbs_core.posts import posts_around
from bbs_core.staff import Scope
from bbs_core.store.access import Connection


class ReportsQuery(PageQuery):
    """Which reports are wanted."""

    state: Literal["open", "closed"] = "open"


class TargetPath(Asked):
    """What was reported."""

    kind: Literal["post", "message"]
    id: Id


class ItemPath(Asked):
    """What one looks at: something reported, or a post that waits for its review."""

    kind: Literal["post", "message", "held"]
    id: Id


class Reported(BaseModel):
    """A post or message that was reported."""

    id: int = Field(description="Of the first report.")
    kind: Literal["post", "message"]
    target_id: int
    at: Moment
    count: int = Field(description="How many reports of it are open.")
    claimed_by: str | None = Field(description="Who of the staff looks at it.")
    outcome: str | None


class ReportPage(Listing[Reported]):
    """What was reported, the oldest first."""


class Reporter(BaseModel):
    """Who reported something."""

    user_id: int
    username: str
    words: str
    at: Moment


class Message(BaseModel):
    """A direct message that was reported, or stands beside one between the same two names."""

    id: int
    sender_id: int
    sender: str
    recipient: str
    text: str
    at: Moment


class ReportDetail(BaseModel):
    """What was reported or waits for its review, by whom, and what stands around it."""

    kind: Literal["post", "message", "held"]
    target_id: int
    claimed_by: str | None = Field(description="Who of the staff looks at it.")
    reporters: list[Reporter] = Field(description="The first of them; of a held post nobody.")
    posts: list[Post] = Field(description="The post and those around it; of a message nothing.")
    messages: list[Message] = Field(description="The message and a few between the same two names; of a post nothing.")


class Close(Reason):
    """What came of it; each who reported it is told the reason."""

    outcome: Literal["acted", "dismissed"]


class Claimed(BaseModel):
    """Until when others leave an item to whoever asked."""

    until: Moment


class Released(BaseModel):
    """Others may look at it again."""

    released: bool


def find_reports(query: ReportsQuery) -> Found[Reported]:
    """Return a page of them, as `list_reported` lists it."""
    return find(
        query,
        lambda c, asked: reports.list_reports(c, is_open=query.state == "open", after_id=asked.key, limit=asked.rows),
        lambda _, rows: [
            Reported(at=moment(row["at_ms"]), **{name: row[name] for name in row if name != "at_ms"}) for row in rows
        ],
    )


@route("GET", "/reports", Scope.REPORTS_MODERATE, ReportPage)
def list_reported(query: ReportsQuery) -> Response:
    """List what was reported, the oldest first."""
    return page(ReportPage, find_reports(query), query.limit)


@route("GET", "/reports/<kind>/<id>", Scope.REPORTS_MODERATE, ReportDetail)
def reported(path: ItemPath) -> Response:
    """Return what was reported, or a post that is held, with what stands around it."""
    return answer(read_report(path.kind, path.id))


def read_report(kind: Literal["post", "message", "held"], target_id: int) -> ReportDetail:
    """Return what waits for a look. Raises NotFound where it has no open report, or is not held."""

    def found(connection: Connection) -> ReportDetail:
        reports.check_waits(connection, kind, target_id)
        who = [_reporter(row) for row in reports.reporters(connection, kind, target_id)]
        rows = posts_around(connection, target_id, reports.CONTEXT_ROWS) if kind != "message" else []
        around = reports.messages_around(connection, target_id) if kind == "message" else []
        return ReportDetail(
            kind=kind,
            target_id=target_id,
            claimed_by=reports.claims(connection, kind, [target_id]).get(target_id),
            reporters=who,
            posts=[post_of(row) for row in rows],
            messages=[_message(row) for row in around],
        )

    return board().access.read(found)


@route("POST", "/reports/<kind>/<id>/claim", Scope.REPORTS_MODERATE, Claimed)
def claim(path: ItemPath, body: Body) -> Response:
    """Say that one looks at an item, for ten minutes."""
    staff_id = caller().member.id
    return act(lambda c: Claimed(until=moment(reports.claim(c, staff_id, path.kind, path.id))))


@route("POST", "/reports/<kind>/<id>/release", Scope.REPORTS_MODERATE, Released)
def release(path: ItemPath, body: Body) -> Response:
    """Leave an item to others."""
    staff_id = caller().member.id

    def done(connection: Connection) -> Released:
        reports.refuse_claimed(connection, staff_id, path.kind, path.id)
        reports.release(connection, path.kind, path.id)
        return Released(released=True)

    return act(done)


@route("POST", "/reports/<kind>/<id>/close", Scope.REPORTS_MODERATE, Done)
def close(path: TargetPath, body: Close) -> Response:
    """Close all reports of one thing, and tell each who reported it."""
    who, ledger = actor(), board().ledger
    return act(lambda c: Done(act_id=reports.close(c, ledger, who, path.kind, path.id, body.outcome, body.reason)))


def _reporter(row: Mapping[Any, Any]) -> Reporter:
    return Reporter(user_id=row["user_id"], username=row["name"], words=row["words"], at=moment(row["at_ms"]))


def _message(row: Mapping[Any, Any]) -> Message:
    return Message(
        **{name: row[name] for name in ("id", "sender_id", "sender", "recipient", "text")}, at=moment(row["at_ms"])
    )
