"""Browsers in which someone of the staff has signed in before.

What strangers type elsewhere, be it behind the same address, makes nobody wait in one of these; it opens nothing.
"""

from __future__ import annotations

import secrets

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

COOKIE = "bbs_known_browser"
GOOD_FOR_S = 90 * 86_400
MARK_BYTES = 16


def remember(response: Response, staff_id: int) -> Response:
    """Have this browser known to one of the staff from now on; what was typed wrong in it so far counts no more."""
    known = _signer().dumps([staff_id, secrets.token_urlsafe(MARK_BYTES)])
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(COOKIE, known, GOOD_FOR_S, secure=secure, httponly=True, samesite="Lax")
    return response


def mark_of(staff_id: int) -> str:
    """Return what this browser is told apart by, if it is known to this one of the staff, or nothing."""
    try:
        known_to, mark = _signer().loads(request.cookies.get(COOKIE, ""), max_age=GOOD_FOR_S)
    except BadSignature:
        return ""
    return str(mark) if known_to == staff_id else ""


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=COOKIE)
