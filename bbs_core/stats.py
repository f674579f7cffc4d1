"""What the dashboard shows: how much is written and when, and what waits for staff."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.posts import State, in_state
from bbs_core.reports import count_open
from bbs_core.sanctions import count_in_force
from bbs_core.store.models import Activity, LiveSession, Message, Post, User

HOUR_MS = 3_600_000
# Of hours that are listed one by one.
HOURS_LIMIT = 24 * 62


def totals(connection: sa.Connection) -> dict[str, int | None]:
    """Return what there is of everything; `oldest_report_at_ms` is None where no report is open.

    Users, posts and messages are never deleted, so that the highest id is their number.
    """
    reports, oldest = count_open(connection)
    return {
        "users": _count(connection, sa.select(sa.func.max(User.id))),
        "posts": _count(connection, sa.select(sa.func.max(Post.id))),
        "messages": _count(connection, sa.select(sa.func.max(Message.id))),
        "visits": _count(connection, sa.select(sa.func.sum(Activity.visits))),
        "online": _count(connection, sa.select(sa.func.count()).select_from(LiveSession)),
        "held_posts": _count(connection, sa.select(sa.func.count()).where(in_state(State.HELD))),
        "open_reports": reports,
        "oldest_report_at_ms": oldest,
        "bans": count_in_force(connection, "ban"),
        "mutes": count_in_force(connection, "mute"),
    }


def activity(connection: sa.Connection, hours: int) -> list[dict[str, Any]]:
    """Return posts, messages and visits of each of the last hours, the oldest first; quiet ones count nothing."""
    newest = now_ms() // HOUR_MS * HOUR_MS
    oldest = newest - (min(hours, HOURS_LIMIT) - 1) * HOUR_MS
    rows = connection.execute(sa.select(Activity.__table__).where(Activity.hour_ms >= oldest)).mappings()
    found = {row["hour_ms"]: dict(row) for row in rows}
    quiet = {"posts": 0, "messages": 0, "visits": 0}
    return [found.get(at, {"hour_ms": at, **quiet}) for at in range(oldest, newest + 1, HOUR_MS)]


def _count(connection: sa.Connection, query: sa.Select[Any]) -> int:
    return int(connection.execute(query).scalar() or 0)
