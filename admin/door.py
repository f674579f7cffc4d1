"""The way into the console and out of it: a name, a password, and a signed cookie."""

from __future__ import annotations

import hmac
import secrets

import structlog
from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from admin.context import board
from bbs_core.clock import now_ms
from bbs_core.passwords import verify_password
from bbs_core.staff import Member, find_staff, get_staff
from bbs_core.tokens import end_login, has_ended

LOGIN_BYTES = 16

log = structlog.get_logger(__name__)
door = Blueprint("door", __name__)


class SignedIn(UserMixin):  # type: ignore[misc]
    """A member of staff in a browser, until they sign out there, `until_ms`, or a change of password or role."""

    def __init__(self, member: Member, login: str, until_ms: int) -> None:
        self.member = member
        self.login = login
        self.until_ms = until_ms

    def get_id(self) -> str:
        """Return what the cookie says of the member."""
        return f"{self.member.id} {self.member.seal} {self.login} {self.until_ms}"


def install(app: Flask) -> None:
    """Let an application know who is signed in."""
    logins = LoginManager()
    # Not in every template: the page that says that the database is away must not ask it who is there.
    logins.init_app(app, add_context_processor=False)
    # The seal and the signature protect the session; its own way would hang on the address and trusts a header for it.
    logins.session_protection = None
    logins.user_loader(_load)
    app.register_blueprint(door)


def _load(cookie_id: str) -> SignedIn | None:
    try:
        staff_id, seal, login, until = cookie_id.split(" ")
    except ValueError:  # an older version's
        return None
    if int(until) <= now_ms():
        return None
    member, ended = board().access.read(lambda c: (get_staff(c, int(staff_id)), has_ended(c, login)))
    if member is None or ended or not hmac.compare_digest(member.seal, seal):
        return None
    return SignedIn(member, login, int(until))


@door.get("/login")
def login() -> ResponseReturnValue:
    """Ask for a name and a password."""
    return redirect(url_for("pages.home")) if current_user.is_authenticated else render_template("login.html")


@door.post("/login")
def sign_in() -> ResponseReturnValue:
    """Let someone in, or say the same whatever was wrong."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    member = board().access.read(lambda connection: find_staff(connection, name))
    if not verify_password(member.password_hash if member else None, password) or member is None:
        # The name stays unsaid: people type their password there by mistake.
        log.warning("sign_in_refused", address=request.remote_addr)
        return render_template("login.html", refused=True), 403
    welcome(member)
    return redirect(url_for("pages.home"), 303)


def welcome(member: Member) -> None:
    """Begin a login of someone who has shown who they are."""
    session.clear()
    session.permanent = True
    until_ms = now_ms() + int(current_app.permanent_session_lifetime.total_seconds() * 1000)
    login_user(SignedIn(member, secrets.token_urlsafe(LOGIN_BYTES), until_ms))
    log.info("signed_in", staff_id=member.id, address=request.remote_addr)


def leave() -> None:
    """Sign out of this login, in this browser and for whoever has a copy of its cookie. Raises StoreUnavailable."""
    who: SignedIn = current_user._get_current_object()
    # First, so that this browser forgets it also where the board cannot write.
    session.clear()
    board().access.write(lambda connection: end_login(connection, who.member.id, who.login, who.until_ms))
