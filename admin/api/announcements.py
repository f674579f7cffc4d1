"""Announcements: a row for everyone, once in each session, until it ends."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act, act_once, page
from admin.api.routing import actor, route
from admin.context import board
from admin.lists import Found, find
from admin.look import moment
from admin.schemas import Body, Done, IdPath, Listing, Moment, OnceHeader, PageQuery, Reason
from bbs_core.noticeboard import DAY_S, LONGEST_S, TEXT_LIMIT, announce, end_announcement, list_announcements
from bbs_core.staff import Scope
from bbs_core.store.access import Connection


class Announcement(BaseModel):
    """A row for everyone."""

    id: int
    text: str
    at: Moment
    until: Moment


class AnnouncementPage(Listing[Announcement]):
    """Announcements, the newest first."""


class NewAnnouncement(Body):
    """What everyone shall read after their next list."""

    text: str = Field(max_length=TEXT_LIMIT)
    expires_in_s: int = Field(DAY_S, ge=1, le=LONGEST_S)


class AnnouncementDone(Done):
    """An announcement that was made."""

    id: int


def find_announcements(query: PageQuery) -> Found[Announcement]:
    """Return a page of them, as `announcements` lists it."""
    return find(
        query,
        lambda c, asked: list_announcements(c, before_id=asked.key, limit=asked.rows),
        lambda _, rows: [
            Announcement(id=row["id"], text=row["text"], at=moment(row["at_ms"]), until=moment(row["until_ms"]))
            for row in rows
        ],
    )


@route("GET", "/announcements", Scope.POSTS_READ, AnnouncementPage)
def announcements(query: PageQuery) -> Response:
    """List the announcements."""
    return page(AnnouncementPage, find_announcements(query), query.limit)


@route("POST", "/announcements", Scope.POSTS_WRITE, AnnouncementDone)
def announce_to_all(header: OnceHeader, body: NewAnnouncement) -> Response:
    """Show a row to everyone after their next list."""
    who, ledger = actor(), board().ledger

    def done(connection: Connection) -> AnnouncementDone:
        announcement_id, act_id = announce(connection, ledger, who, body.text, body.expires_in_s)
        return AnnouncementDone(id=announcement_id, act_id=act_id)

    return act_once(header, done)


@route("POST", "/announcements/<id>/end", Scope.POSTS_WRITE, Done)
def end(path: IdPath, body: Reason) -> Response:
    """Show an announcement no more."""
    who, ledger = actor(), board().ledger
    return act(lambda c: Done(act_id=end_announcement(c, ledger, who, path.id, body.reason)))
