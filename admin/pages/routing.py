"""The pages' blueprint: its guard, what every page shows, and what becomes of a form."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from flask import Blueprint, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from pydantic import BaseModel, ValidationError

from admin import scopes
from admin.context import board
from admin.extension import entries
from admin.problems import invalid
from bbs_core.errors import ActError
from bbs_core.ledger import Actor
from bbs_core.runtime_settings import present
from bbs_core.staff import Member, Scope
from bbs_core.store.access import Connection
from bbs_core.wording import REASON_LIMIT

T = TypeVar("T")
Query = TypeVar("Query", bound=BaseModel)
# Most acts have one of a few reasons; any other can be typed.
REASONS = ("spam", "off topic", "rude", "private details", "posted twice")
# A page of ours, and no other site's: nothing that a browser takes for a host.
LOCAL = re.compile(r"/(?![/\\])[^\s\\]*")

# What must work for who has yet to set a second factor up.
WITHOUT_FACTOR = {"pages.new_factor", "pages.add_factor", "pages.ask_proof", "pages.give_proof", "pages.logout"}

pages = Blueprint("pages", __name__)


class Link(NamedTuple):
    """An entry of the navigation."""

    endpoint: str
    label: str
    scope: Scope


NAVIGATION = (
    Link("pages.dashboard", "Dashboard", Scope.STATS_READ),
    Link("pages.users", "Users", Scope.USERS_READ),
    Link("pages.posts", "Posts", Scope.POSTS_READ),
    Link("pages.review", "Review", Scope.REPORTS_MODERATE),
    Link("pages.sessions", "Sessions", Scope.USERS_READ),
    Link("pages.bans", "Bans", Scope.USERS_READ),
    Link("pages.plugins", "Plugins", Scope.STATS_READ),
    Link("pages.settings", "Settings", Scope.SETTINGS_WRITE),
    Link("pages.staff", "Staff", Scope.STAFF_WRITE),
    Link("pages.audit", "Audit", Scope.ACTS_READ),
)


@pages.before_request
def guard() -> ResponseReturnValue | None:
    """Show strangers the door, and staff no more than their role grants."""
    if not current_user.is_authenticated:
        return redirect(url_for("door.login"), 303)
    g.member = member()
    scopes.check(g.member.scopes)
    return _second_factor() or (proof() if scopes.wants_proof() else None)


def _second_factor() -> ResponseReturnValue | None:
    """Lead whoever lacks the second factor that is required to where they get it."""
    if member().totp_secret is not None or request.endpoint in WITHOUT_FACTOR:
        return None
    start = board().start
    if not board().access.read(lambda connection: present(connection, start)).admin.second_factor_required:
        return None
    flash("This board asks all its staff for a second factor: set yours up to go on.", "warning")
    return redirect(url_for("pages.new_factor"), 303)


def proof() -> ResponseReturnValue | None:
    """Ask who is there, where the login is not fresh enough for what is wanted."""
    if current_user.login.is_fresh:
        return None
    after = request.form.get("back", "") if request.method == "POST" else request.full_path
    if request.method == "POST":
        flash("Show first that it is you, then do it again.", "warning")
    return redirect(url_for("pages.ask_proof", after=after), 303)


@pages.context_processor
def common() -> dict[str, Any]:
    """Give templates what every page has."""
    # The page that says that the database is away must not ask it who is there.
    who = g.get("member")
    granted = who.scopes if who else frozenset()
    return {
        "member": who,
        "may": lambda name: Scope[name] in granted,
        "navigation": [link for link in NAVIGATION if link.scope in granted],
        "plugin_pages": lambda: entries(granted),
        "reasons": REASONS,
        "reason_limit": REASON_LIMIT,
        "here": here,
        "here_as": here_as,
    }


def here(**changed: str | None) -> str:
    """Return this page's address with some of its filters changed, or left out where they are None."""
    return here_as(request.endpoint or "", **{**(request.view_args or {}), **changed})


def here_as(endpoint: str, **changed: str | None) -> str:
    """Return the address of another page with the filters of this one."""
    # Names that begin so have a meaning of their own for url_for.
    kept = {name: value for name, value in request.args.to_dict().items() if not name.startswith("_")}
    values: dict[str, Any] = {name: value for name, value in {**kept, **changed}.items() if value is not None}
    return url_for(endpoint, **values)


def member() -> Member:
    """Return who is signed in."""
    found: Member = current_user.member
    return found


def actor() -> Actor:
    """Return who acts in this request."""
    who = member()
    return Actor("staff", who.name, "console", who.id)


def asked(model: type[Query]) -> Query:
    """Return what the page's address asks for; a filter that was left empty asks for nothing. Raises InvalidAct."""
    given = {name: value for name, value in request.args.items() if value}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        invalid(error)
        raise


def act(do: Callable[[Connection], T], done: str | Callable[[T], str], fallback: str) -> ResponseReturnValue:
    """Do what a form asks for in one transaction, and go back to where it stood, where what came of it is said."""
    try:
        outcome = board().access.write(do)
    except ActError as error:
        flash(str(error), "danger")
    else:
        flash(done if isinstance(done, str) else done(outcome), "success")
    return back(fallback)


def back(fallback: str, **values: Any) -> ResponseReturnValue:
    """Go back to the page that a form stood on."""
    wanted = request.form.get("back", "")
    return redirect(wanted if LOCAL.fullmatch(wanted) else url_for(fallback, **values), 303)


def reason() -> str:
    """Return the reason in the form that was sent; the domain says what is wrong with it."""
    return request.form.get("reason", "")
