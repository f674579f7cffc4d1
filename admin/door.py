"""The way into the console and out of it: a name, a password, a code where there is a second factor, and a cookie."""

from __future__ import annotations

import structlog
from flask import Blueprint, Flask, after_this_request, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from admin import known_browsers
from admin.context import board
from bbs_core.clock import now_ms
from bbs_core.errors import NotFound, Throttled
from bbs_core.logins import OpenLogin, end_login, find_login, open_login, prove
from bbs_core.passwords import verify_password
from bbs_core.second_factor import use_code
from bbs_core.staff import Member, find_staff, get_staff
from bbs_core.store.access import Connection
from bbs_core.throttle import count_failure, forgive, refuse_throttled

# Between the password and the code.
HALF_WAY_MS = 5 * 60_000
HALF_WAY = "half_way"
# Before the name is known, so that attempts on one that nobody has are counted alike.
NAME_LIMIT = 200

log = structlog.get_logger(__name__)
door = Blueprint("door", __name__)


class SignedIn(UserMixin):  # type: ignore[misc]
    """A member of staff in a browser, until they sign out there, time is up, or their password or role is changed."""

    def __init__(self, member: Member, login: OpenLogin, key: str) -> None:
        self.member = member
        self.login = login
        self._key = key

    def get_id(self) -> str:
        """Return what the cookie says of the login."""
        return self._key


def install(app: Flask) -> None:
    """Let an application know who is signed in."""
    logins = LoginManager()
    # Not in every template: the page that says that the database is away must not ask it who is there.
    logins.init_app(app, add_context_processor=False)
    # The key and the signature protect the session; its own way would hang on the address and trusts a header for it.
    logins.session_protection = None
    logins.user_loader(_load)
    app.register_blueprint(door)


def _load(key: str) -> SignedIn | None:
    def found(connection: Connection) -> SignedIn | None:
        login = find_login(connection, key)
        member = get_staff(connection, login.staff_id) if login else None
        return SignedIn(member, login, key) if login and member else None

    return board().access.read(found)


@door.get("/login")
def login() -> ResponseReturnValue:
    """Ask for a name and a password."""
    return redirect(url_for("pages.dashboard")) if current_user.is_authenticated else render_template("login.html")


@door.post("/login")
def sign_in() -> ResponseReturnValue:
    """Let someone in, or say the same whatever was wrong."""
    name, password = request.form.get("name", "")[:NAME_LIMIT], request.form.get("password", "")
    member = board().access.read(lambda connection: find_staff(connection, name))
    try:
        fits = _password_fits(member, name, password)
    except Throttled as error:
        return _refused("login.html", str(error), 429, {"Retry-After": str(error.retry_after_s)})
    if not fits or member is None:
        # The name stays unsaid: people type their password there by mistake.
        log.warning("sign_in_refused", address=_address())
        return _refused("login.html", "The name or the password is wrong.")
    if member.totp_secret is not None:
        session.clear()
        session[HALF_WAY] = [member.id, member.version, now_ms()]
        return redirect(url_for("door.ask_code"), 303)
    welcome(member)
    return redirect(url_for("pages.dashboard"), 303)


@door.get("/login/code")
def ask_code() -> ResponseReturnValue:
    """Ask for a code, after the password."""
    return render_template("login_code.html") if _half_way() else redirect(url_for("door.login"), 303)


@door.post("/login/code")
def check_code() -> ResponseReturnValue:
    """Let someone in who has typed a code that is good."""
    member = _half_way()
    if member is None:
        return redirect(url_for("door.login"), 303)
    try:
        fits = _code_fits(member, request.form.get("code", ""))
    except Throttled as error:
        return _refused("login_code.html", str(error), 429, {"Retry-After": str(error.retry_after_s)})
    if not fits:
        return _refused("login_code.html", "The code is wrong, or was used.")
    welcome(member)
    return redirect(url_for("pages.dashboard"), 303)


def welcome(member: Member) -> None:
    """Begin a login of someone who has shown who they are."""
    session.clear()
    address, agent = _address(), request.headers.get("User-Agent", "")

    def begin(connection: Connection) -> tuple[str, OpenLogin]:
        forgive(connection, address)
        key = open_login(connection, member.id, address, agent.encode(errors="replace").decode().replace("\0", ""))
        opened = find_login(connection, key)
        assert opened is not None
        return key, opened

    key, opened = board().access.write(begin)
    session.permanent = True
    after_this_request(lambda response: known_browsers.remember(response, member.id))
    login_user(SignedIn(member, opened, key))
    log.info("signed_in", staff_id=member.id, address=address)


def leave() -> None:
    """Sign out of this login, in this browser and for whoever has a copy of its cookie. Raises StoreUnavailable."""
    who: SignedIn = current_user._get_current_object()
    # First, so that this browser forgets it also where the board cannot write.
    session.clear()
    try:
        board().access.write(lambda connection: end_login(connection, who.member.id, who.login.id))
    except NotFound:
        flash("You were signed out already.", "success")


def proves(password: str, code: str) -> bool:
    """Whether who is signed in shows it anew, with a code where they have a second factor. Raises Throttled."""
    who: SignedIn = current_user._get_current_object()
    member = who.member
    fits = _code_fits(member, code) if member.totp_secret is not None else knows(password)
    if fits:
        board().access.write(lambda connection: prove(connection, who.login.id))
    return fits


def knows(password: str) -> bool:
    """Whether who is signed in knows their password. Raises Throttled."""
    member: Member = current_user.member
    return _password_fits(member, member.name, password)


def _password_fits(member: Member | None, name: str, password: str) -> bool:
    """Nothing is hashed for who tries too often. Raises Throttled."""
    who = _attempt(member.id if member else None, name)
    board().access.read(lambda connection: refuse_throttled(connection, *who))
    fits = verify_password(member.password_hash if member else None, password)
    if not fits:
        board().access.write(lambda connection: count_failure(connection, *who))
    return fits


def _code_fits(member: Member, code: str) -> bool:
    who = _attempt(member.id, member.name)
    board().access.read(lambda connection: refuse_throttled(connection, *who))

    def used(connection: Connection) -> bool:
        fits = use_code(connection, member.id, code)
        if not fits:
            count_failure(connection, *who)
        return fits

    return board().access.write(used)


def _attempt(staff_id: int | None, name: str) -> tuple[str, int | None, str, str]:
    """Return what failures are counted by."""
    browser = known_browsers.mark_of(staff_id) if staff_id is not None else ""
    return _address(), staff_id, name, browser


def _half_way() -> Member | None:
    """Return who has typed a password a moment ago, if they are as they were then."""
    staff_id, version, at_ms = session.get(HALF_WAY, (0, 0, 0))
    if now_ms() - at_ms > HALF_WAY_MS:
        return None
    member = board().access.read(lambda connection: get_staff(connection, staff_id))
    return member if member and member.version == version else None


def _refused(page: str, why: str, status: int = 403, headers: dict[str, str] | None = None) -> ResponseReturnValue:
    return render_template(page, refused=why), status, headers or {}


def _address() -> str:
    return request.remote_addr or ""
