"""The dashboard: what goes on, what waits, what is wrong, and the board's mode at one click."""

from __future__ import annotations

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.acts import ActsQuery, find_acts
from admin.charts import chart
from admin.context import board
from admin.extension import cards
from admin.pages.routing import act, actor, member, pages, reason
from admin.wrongs import wrongs
from bbs_core.clock import now_ms
from bbs_core.errors import InvalidAct
from bbs_core.runtime_settings import change, present
from bbs_core.staff import Scope
from bbs_core.stats import activity, totals
from bbs_core.store.access import Connection

LATEST_ACTS = 8
SPANS = {"day": 24, "week": 24 * 7, "month": 24 * 30}
MODES = {
    "open": "Open",
    "hold": "Hold every post for review",
    "read_only": "Read only",
    "staff_only": "Staff alone may write",
}
MINUTES_LIMIT = 60 * 24 * 365


@pages.get("/")
@scopes.needs(Scope.STATS_READ)
def dashboard() -> ResponseReturnValue:
    """Show how the board fares."""
    console = board()
    settings, counts = console.access.read(lambda c: (present(c, console.start), totals(c)))
    span = request.args.get("span", "day")
    ends_at_ms = settings.board.mode_ends_at_ms
    return render_template(
        "dashboard.html",
        counts=counts,
        acts=find_acts(ActsQuery(limit=LATEST_ACTS)).items,
        wrongs=wrongs(console),
        cards=cards(member().scopes),
        span=span if span in SPANS else "day",
        spans=SPANS,
        modes=MODES,
        mode=settings.board.mode if not ends_at_ms or ends_at_ms > now_ms() else "open",
        mode_ends_at_ms=ends_at_ms,
    )


@pages.post("/mode")
@scopes.needs(Scope.SETTINGS_WRITE)
def change_mode() -> ResponseReturnValue:
    """Set who may write, until it is changed or for some minutes."""
    console, who, why = board(), actor(), reason()
    mode, minutes = request.form.get("mode", ""), request.form.get("minutes", "").strip()

    def do(connection: Connection) -> int:
        values = {"board.mode": mode, "board.mode_ends_at_ms": _ends_at_ms(minutes)}
        return change(connection, console.ledger, who, console.start, values, why or MODES.get(mode, ""))

    return act(do, f"The board is now: {MODES.get(mode, mode)}.", "pages.dashboard")


@pages.get("/charts/<name>.svg")
@scopes.needs(Scope.STATS_READ)
def draw(name: str) -> Response:
    """Draw what was written over time."""
    hours = SPANS.get(request.args.get("span", ""), SPANS["day"])
    rows = board().access.read(lambda connection: activity(connection, hours))
    return Response(chart(name, rows, dark="dark" in request.args), content_type="image/svg+xml")


def _ends_at_ms(minutes: str) -> int:
    if not minutes:
        return 0
    if not minutes.isdecimal() or not minutes.isascii() or not 1 <= int(minutes[:9]) <= MINUTES_LIMIT:
        raise InvalidAct(f"Minutes are a whole number from 1 to {MINUTES_LIMIT}, or nothing.")
    return now_ms() + int(minutes) * 60_000
