"""Incidents: what went wrong in a plugin, under the number that the user has read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import sqlalchemy as sa
import structlog

from bbs_core.errors import NotFound
from bbs_core.store.staff_models import IncidentRow

log = structlog.get_logger(__name__)

# The newest; older ones stand in the log.
KEPT_LIMIT = 1000
# Those that wait for the writer: a plugin that fails all the time is in quarantine long before.
WAITING_LIMIT = 100
PAGE_LIMIT = 200
TRACE_CHARACTERS = 20_000
NAME_CHARACTERS = 100


class Incident(NamedTuple):
    """One failure of a plugin; `username` is whose call it was, if anyone's."""

    incident: str
    at_ms: int
    plugin: str
    hook: str
    username: str
    late: bool
    trace: str


class Incidents:
    """Hand incidents to the writer, some at a time; belongs to the loop's thread."""

    def __init__(self, write: Callable[[Callable[[sa.Connection], None]], Future[None]]) -> None:
        self._write = write
        self._waiting: list[Incident] = []

    def put(self, incident: Incident) -> None:
        """Have an incident kept; where the writer is far behind, it stands in the log alone."""
        if len(self._waiting) >= WAITING_LIMIT:
            return
        self._waiting.append(incident)
        if len(self._waiting) == 1:
            self._write(self._keep_waiting)

    def _keep_waiting(self, connection: sa.Connection) -> None:
        """Called by the writer; what comes from now on waits for the next time."""
        waiting, self._waiting = self._waiting, []
        keep(connection, waiting)


def keep(connection: sa.Connection, incidents: Sequence[Incident]) -> None:
    """Keep incidents, and forget the oldest beyond KEPT_LIMIT."""
    rows = [{**one._asdict(), "trace": one.trace[-TRACE_CHARACTERS:]} for one in incidents]
    if not rows:
        return
    connection.execute(sa.insert(IncidentRow), rows)
    newest = sa.select(IncidentRow.id).order_by(IncidentRow.id.desc()).offset(KEPT_LIMIT).limit(1)
    oldest = connection.execute(newest).scalar()
    if oldest is not None:
        connection.execute(sa.delete(IncidentRow).where(IncidentRow.id <= oldest))


def list_incidents(
    connection: sa.Connection, *, plugin: str | None = None, before_id: int | None = None, limit: int = 50
) -> list[sa.RowMapping]:
    """Return a page of incidents without their traces, the newest first."""
    columns = [column for column in IncidentRow.__table__.columns if column.name != "trace"]
    query = sa.select(*columns).order_by(IncidentRow.id.desc()).limit(min(limit, PAGE_LIMIT + 1))
    if plugin is not None:
        query = query.where(IncidentRow.plugin == plugin)
    if before_id is not None:
        query = query.where(IncidentRow.id < before_id)
    return list(connection.execute(query).mappings())


def get_incident(connection: sa.Connection, incident: str) -> sa.RowMapping:
    """Return an incident by the number that its user has read. Raises NotFound."""
    query = sa.select(IncidentRow.__table__).where(IncidentRow.incident == incident).order_by(IncidentRow.id.desc())
    found = connection.execute(query.limit(1)).mappings().first()
    if found is None:
        raise NotFound(f"There is no incident {incident[:20]!r}, or it was long ago and stands in the log alone.")
    return found
