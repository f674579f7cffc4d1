"""The review queue: what users reported, and posts that wait to be shown."""

from __future__ import annotations

from typing import Any, Literal, cast

from flask import render_template, request
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.api.posts import PostsQuery, find_posts
from admin.api.reports import ReportsQuery, find_reports, read_report
from admin.api.sanctions import SanctionsQuery, find_sanctions
from admin.api.users import User, read_user
from admin.context import board
from admin.pages.routing import act, actor, asked, member, pages, reason
from bbs_core import reports
from bbs_core.errors import NotFound
from bbs_core.posts import get_post
from bbs_core.rules import BAN, MUTE
from bbs_core.staff import Scope
from bbs_core.store.access import Connection

SHOWN = 20
# Of an author's bans, mutes and hidden posts, the latest.
RECORD = 5


@pages.get("/review")
@scopes.needs(Scope.REPORTS_MODERATE)
def review() -> ResponseReturnValue:
    """Show what waits, the oldest first."""
    reported = find_reports(asked(ReportsQuery))
    held = find_posts(PostsQuery(state="held", limit=SHOWN))
    looking = board().access.read(lambda c: reports.claims(c, reports.HELD, [post.id for post in held.items]))
    return render_template("review.html", reported=reported, held=held, looking=looking)


@pages.get("/review/<kind>/<id:target_id>")
@scopes.needs(Scope.REPORTS_MODERATE)
def review_item(kind: str, target_id: int) -> ResponseReturnValue:
    """Show one item, with what stands around it and its author's record."""
    if kind not in reports.CLAIMED:
        raise NotFound("There is nothing at this address.")
    detail = read_report(cast(Literal["post", "message", "held"], kind), target_id)
    author = _author(detail)
    measures = SanctionsQuery(user_id=author.id, limit=RECORD)
    return render_template(
        "review_item.html",
        item=detail,
        author=author,
        bans=find_sanctions(BAN, measures).items,
        mutes=find_sanctions(MUTE, measures).items,
        hidden=find_posts(PostsQuery(user_id=author.id, state="hidden", limit=RECORD)).items,
    )


@pages.post("/review/<kind>/<id:target_id>/claim")
@scopes.needs(Scope.REPORTS_MODERATE)
def claim(kind: str, target_id: int) -> ResponseReturnValue:
    """Say that one looks at it."""
    staff_id = member().id
    return act(lambda c: reports.claim(c, staff_id, kind, target_id), "It is yours for ten minutes.", "pages.review")


@pages.post("/review/<kind>/<id:target_id>/release")
@scopes.needs(Scope.REPORTS_MODERATE)
def release(kind: str, target_id: int) -> ResponseReturnValue:
    """Leave it to others."""
    staff_id = member().id

    def do(connection: Connection) -> None:
        reports.refuse_claimed(connection, staff_id, kind, target_id)
        reports.release(connection, kind, target_id)

    return act(do, "It is left to others.", "pages.review")


@pages.post("/review/<kind>/<id:target_id>/close")
@scopes.needs(Scope.REPORTS_MODERATE)
def close(kind: str, target_id: int) -> ResponseReturnValue:
    """Close all reports of it, and tell who reported it."""
    who, ledger, why, outcome = actor(), board().ledger, reason(), request.form.get("outcome", "")
    return act(
        lambda c: reports.close(c, ledger, who, kind, target_id, outcome, why),
        "It is closed, and everyone who reported it is told.",
        "pages.review",
    )


def _author(detail: Any) -> User:
    """Return whose text it is."""
    if detail.kind != reports.MESSAGE:
        post = board().access.read(lambda connection: get_post(connection, detail.target_id))
        return read_user(post["user_id"])
    [message] = [one for one in detail.messages if one.id == detail.target_id]
    return read_user(message.sender_id)
