"""The first owner: let in by a link that is good once, for an hour, and known to who started the board alone."""

from __future__ import annotations

import hmac
import time

import structlog
from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from admin.context import ConsoleContext, board
from admin.door import welcome
from admin.previews import presets
from bbs_core.errors import ActError, InvalidAct, NotFound
from bbs_core.ledger import Actor
from bbs_core.passwords import PASSWORD_MINIMUM, hash_password
from bbs_core.runtime_settings import PRESET, change
from bbs_core.staff import Member, add_first, has_staff
from bbs_core.store.access import Connection

GOOD_FOR_S = 3600.0
USED_UP = "This link was used or is an hour old. If nobody is on the staff, start the board anew for another one."

log = structlog.get_logger(__name__)
setup_link = Blueprint("setup_link", __name__, url_prefix="/setup")
_started_at = "SETUP_LINK_STARTED_AT"


def install(app: Flask) -> None:
    """Answer under the link, from now on for an hour."""
    app.config[_started_at] = time.monotonic()
    app.register_blueprint(setup_link)


@setup_link.before_request
def guard() -> None:
    """Answer nothing to who does not have the key, or comes too late."""
    key, given = board().setup_key, request.args.get("key", "")
    age_s = time.monotonic() - current_app.config[_started_at]
    fits = key is not None and hmac.compare_digest(given.encode(), key.encode())
    if not fits or age_s > GOOD_FOR_S or board().access.read(has_staff):
        raise NotFound(USED_UP)


@setup_link.get("")
def ask() -> ResponseReturnValue:
    """Ask who the owner is to be."""
    return _page()


@setup_link.post("")
def make_owner() -> ResponseReturnValue:
    """Let the first owner in, if nobody was quicker."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    looks = request.form.get("looks", board().start.server.preset)
    try:
        if password != request.form.get("again", ""):
            raise InvalidAct("The two passwords are not the same.")
        password_hash, console = hash_password(password), board()
        member = console.access.write(lambda connection: _set_up(connection, console, name, password_hash, looks))
    except ActError as error:
        return _page(name, looks, str(error)), 422
    log.info("owner_set_up", staff_id=member.id, address=request.remote_addr)
    welcome(member)
    flash(f"Welcome, {member.name}. The board is yours; the link is used up.", "success")
    return redirect(url_for("pages.dashboard"), 303)


def _set_up(connection: Connection, console: ConsoleContext, name: str, password_hash: str, looks: str) -> Member:
    """The owner and the looks come in one transaction."""
    member = add_first(connection, console.ledger, name, password_hash)
    if looks != console.start.server.preset:
        owner = Actor("staff", member.name, "console", member.id)
        change(connection, console.ledger, owner, console.start, {PRESET: looks}, "Chosen at the set-up.")
    return member


def _page(name: str = "", looks: str = "", problem: str = "") -> str:
    start = board().start
    return render_template(
        "setup.html",
        name=name,
        looks=looks or start.server.preset,
        problem=problem,
        minimum=PASSWORD_MINIMUM,
        previews=presets(start),
    )
