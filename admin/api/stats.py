"""Stats: how much there is of everything, and how much was written hour by hour."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import read
from admin.api.routing import route
from admin.look import moment, moment_or_none
from admin.schemas import Asked, Moment
from bbs_core.staff import Scope
from bbs_core.stats import HOURS_LIMIT, activity, totals
from bbs_core.store.access import Connection


class StatsQuery(Asked):
    """How far back the hours go."""

    hours: int = Field(24, ge=1, le=HOURS_LIMIT)


class Hour(BaseModel):
    """What was written in an hour, and who came."""

    at: Moment
    posts: int
    messages: int
    visits: int


class Stats(BaseModel):
    """How much there is."""

    users: int
    posts: int
    messages: int
    visits: int
    online: int
    held_posts: int
    open_reports: int
    oldest_report_at: Moment | None
    bans: int
    mutes: int
    hours: list[Hour] = Field(description="The oldest first.")


@route("GET", "/stats", Scope.STATS_READ, Stats)
def stats(query: StatsQuery) -> Response:
    """Count everything."""

    def found(connection: Connection) -> Stats:
        counts = totals(connection)
        oldest = moment_or_none(counts.pop("oldest_report_at_ms"))
        rows = activity(connection, query.hours)
        hours = [Hour(at=moment(row.pop("hour_ms")), **row) for row in rows]
        return Stats(**counts, oldest_report_at=oldest, hours=hours)

    return read(found)
