"""Incidents: what went wrong in plugins, under the numbers that users have read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import page, read
from admin.api.routing import route
from admin.lists import Found, find
from admin.look import moment
from admin.schemas import Asked, Listing, Moment, PageQuery, Words
from bbs_core.incidents import get_incident, list_incidents
from bbs_core.staff import Scope


class IncidentsQuery(PageQuery):
    """Which incidents are wanted."""

    plugin: Words | None = None


class IncidentPath(Asked):
    """The number that the user has read."""

    incident: str = Field(min_length=1, max_length=20)


class Incident(BaseModel):
    """A failure of a plugin."""

    incident: str
    at: Moment
    plugin: str
    hook: str = Field(description="What was called.")
    username: str = Field(description="Whose call it was; empty where it was nobody's.")
    late: bool = Field(description="Whether it did not answer in time.")


class IncidentDetail(Incident):
    """A failure of a plugin, with the lines of code in which it happened."""

    trace: str


class IncidentPage(Listing[Incident]):
    """Incidents, the newest first."""


def find_incidents(query: IncidentsQuery) -> Found[Incident]:
    """Return a page of them, as `incidents` lists it."""
    return find(
        query,
        lambda c, asked: list_incidents(c, plugin=query.plugin, before_id=asked.key, limit=asked.rows),
        lambda _, rows: [Incident(**_common(row)) for row in rows],
    )


@route("GET", "/incidents", Scope.PLUGINS_WRITE, IncidentPage)
def incidents(query: IncidentsQuery) -> Response:
    """List what went wrong in plugins, the newest first."""
    return page(IncidentPage, find_incidents(query), query.limit)


@route("GET", "/incidents/<incident>", Scope.PLUGINS_WRITE, IncidentDetail)
def incident(path: IncidentPath) -> Response:
    """Return one incident with its trace."""
    return read(lambda connection: detail_of(get_incident(connection, path.incident)))


def detail_of(row: Mapping[Any, Any]) -> IncidentDetail:
    """Return an incident as it is answered and shown."""
    return IncidentDetail(**_common(row), trace=row["trace"])


def _common(row: Mapping[Any, Any]) -> dict[str, Any]:
    names = ("incident", "plugin", "hook", "username", "late")
    return {"at": moment(row["at_ms"]), **{name: row[name] for name in names}}
