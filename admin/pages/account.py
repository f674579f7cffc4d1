"""One's own account: the password, the second factor, logins and tokens; and showing anew who one is."""

from __future__ import annotations

import segno
from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from admin import scopes
from admin.context import board
from admin.door import knows, leave, proves, welcome
from admin.ids import number
from admin.pages.routing import LOCAL, act, actor, back, member, pages
from bbs_core import logins, second_factor, tokens
from bbs_core.errors import ActError, Throttled
from bbs_core.passwords import PASSWORD_MINIMUM, hash_password
from bbs_core.staff import NAME_LIMIT, change_password, get_staff

SECRET = "new_factor"
SQUARE_PIXELS = 5


@pages.post("/logout")
@scopes.needs()
def logout() -> ResponseReturnValue:
    """End this login."""
    leave()
    return redirect(url_for("door.login"), 303)


@pages.get("/account")
@scopes.needs()
def account() -> ResponseReturnValue:
    """Show one's own account."""
    own = member()
    shown = board().access.read(
        lambda c: {
            "logins": logins.list_logins(c, own.id),
            "tokens": tokens.list_tokens(c, staff_id=own.id, limit=200),
            "codes_left": second_factor.recovery_codes_left(c, own.id),
        }
    )
    return render_template(
        "account.html",
        here=current_user.login.id,
        minimum=PASSWORD_MINIMUM,
        name_limit=NAME_LIMIT,
        expires_days=tokens.EXPIRES_DAYS,
        days_limit=tokens.EXPIRES_DAYS_LIMIT,
        **shown,
    )


@pages.post("/account/password")
@scopes.needs()
def set_password() -> ResponseReturnValue:
    """Change one's own password, which ends all other logins."""
    own, who, ledger = member(), actor(), board().ledger
    new = request.form.get("new", "")
    try:
        if not knows(request.form.get("password", "")):
            flash("The present password is wrong.", "danger")
            return back("pages.account")
        password_hash = hash_password(new)
        board().access.write(lambda c: change_password(c, ledger, who, own.id, password_hash))
    except ActError as error:
        flash(str(error), "danger")
        return back("pages.account")
    changed = board().access.read(lambda connection: get_staff(connection, own.id))
    assert changed is not None
    welcome(changed)
    flash("The password is changed, and every other login has ended.", "success")
    return back("pages.account")


@pages.get("/account/factor")
@scopes.needs()
@scopes.fresh
def new_factor() -> ResponseReturnValue:
    """Show a secret for an authenticator app; it counts once a code of it is typed."""
    secret = session.get(SECRET) or second_factor.new_secret()
    session[SECRET] = secret
    return render_template(
        "factor.html", secret=secret, picture=_squares(second_factor.link_for(member().name, secret))
    )


@pages.post("/account/factor")
@scopes.needs()
@scopes.fresh
def add_factor() -> ResponseReturnValue:
    """Ask for a code at every login from now on, and show the recovery codes once."""
    who, ledger, secret, code = actor(), board().ledger, session.get(SECRET, ""), request.form.get("code", "")
    try:
        codes = board().access.write(lambda c: second_factor.add_factor(c, ledger, who, secret, code))
    except ActError as error:
        flash(str(error), "danger")
        return redirect(url_for("pages.new_factor"), 303)
    session.pop(SECRET, None)
    return render_template("recovery_codes.html", codes=codes)


@pages.post("/account/factor/remove")
@scopes.needs()
@scopes.fresh
def remove_factor() -> ResponseReturnValue:
    """Ask for no code any more."""
    who, ledger = actor(), board().ledger
    return act(
        lambda c: second_factor.remove_factor(c, ledger, who, who.staff_id or 0),
        "You sign in with the password alone.",
        "pages.account",
    )


@pages.post("/account/logins/<id:login_id>/end")
@scopes.needs()
def end_login(login_id: int) -> ResponseReturnValue:
    """End one of one's own logins."""
    staff_id = member().id
    return act(lambda c: logins.end_login(c, staff_id, login_id), "That login has ended.", "pages.account")


@pages.post("/account/tokens")
@scopes.needs()
@scopes.fresh
def add_token() -> ResponseReturnValue:
    """Make a token for oneself, and show it once."""
    own, who, ledger, form = member(), actor(), board().ledger, request.form
    try:
        token = board().access.write(
            lambda c: tokens.create_token(
                c,
                ledger,
                who,
                staff_name=own.name,
                label=form.get("name", ""),
                scopes=form.getlist("scopes"),
                expires_days=number(form.get("expires_days", "")),
                within=own.scopes,
            )
        )
    except ActError as error:
        flash(str(error), "danger")
        return back("pages.account")
    return render_template("token.html", token=token)


@pages.post("/account/tokens/<id:token_id>/revoke")
@scopes.needs()
@scopes.fresh
def revoke_own(token_id: int) -> ResponseReturnValue:
    """Refuse one of one's own tokens from now on."""
    own, who, ledger = member(), actor(), board().ledger
    return act(
        lambda c: tokens.revoke_token(c, ledger, who, token_id, of=own.id), "The token is refused.", "pages.account"
    )


@pages.get("/proof")
@scopes.needs()
def ask_proof() -> ResponseReturnValue:
    """Ask who is there, before something that cannot be taken back."""
    return render_template("proof.html", after=request.args.get("after", ""))


@pages.post("/proof")
@scopes.needs()
def give_proof() -> ResponseReturnValue:
    """Note that who is signed in has shown it anew."""
    after = request.form.get("after", "")
    try:
        fits = proves(request.form.get("password", ""), request.form.get("code", ""))
    except Throttled as error:
        return render_template("proof.html", after=after, refused=str(error)), 429
    if not fits:
        return render_template("proof.html", after=after, refused="That was wrong."), 403
    flash("Thank you. For ten minutes you are not asked again.", "success")
    return redirect(after if LOCAL.fullmatch(after) else url_for("pages.account"), 303)


def _squares(link: str) -> str:
    picture: str = segno.make(link).svg_data_uri(scale=SQUARE_PIXELS, light="white")
    return picture
