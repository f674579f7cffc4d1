"""The way into the console and out of it: a name, a password, and a signed cookie."""

from __future__ import annotations

import hmac

import structlog
from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from admin.context import board
from bbs_core.staff import Member, find_staff, get_staff, verify_password

log = structlog.get_logger(__name__)
door = Blueprint("door", __name__)


class SignedIn(UserMixin):  # type: ignore[misc]
    """A member of staff in a browser; the cookie is worth nothing after a change of password or role."""

    def __init__(self, member: Member) -> None:
        self.member = member

    def get_id(self) -> str:
        """Return what the cookie says of the member."""
        return f"{self.member.id} {self.member.seal}"


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
    staff_id, _, seal = cookie_id.partition(" ")
    member = board().access.read(lambda connection: get_staff(connection, int(staff_id)))
    return SignedIn(member) if member and hmac.compare_digest(member.seal, seal) else None


@door.get("/login")
def login() -> ResponseReturnValue:
    """Ask for a name and a password."""
    return redirect(url_for("pages.home")) if current_user.is_authenticated else render_template("login.html")


@door.post("/login")
def sign_in() -> ResponseReturnValue:
    """Let someone in, or say the same whatever was wrong."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    member = board().access.read(lambda connection: find_staff(connection, name))
    if not verify_password(member, password) or member is None:
        # The name stays unsaid: people type their password there by mistake.
        log.warning("sign_in_refused", address=request.remote_addr)
        return render_template("login.html", refused=True), 403
    session.clear()
    session.permanent = True
    login_user(SignedIn(member))
    log.info("signed_in", staff_id=member.id, address=request.remote_addr)
    return redirect(url_for("pages.home"), 303)
