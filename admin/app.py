"""Put the console together as one WSGI application."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flask import Response, request
from flask_bootstrap import Bootstrap5
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_wtf import CSRFProtect

from admin import api, door, look, own_process, pages, problems, setup_link, watch
from admin.context import EXTENSION, ConsoleContext
from admin.ids import IdConverter
from bbs_core.logins import GOOD_FOR_MS
from bbs_core.metrics import product_version

BODY_LIMIT_BYTES = 65_536  # a reason and a few words

STRICT_TRANSPORT = "max-age=31536000"  # a year, as browsers' makers advise
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:;"
        " font-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(context: ConsoleContext | None = None) -> OpenAPI:
    """Return the console of a board; any WSGI server may run it.

    Without a context it is a process of its own, whose settings are those of the file and the environment.
    Raises BBSError.
    """
    if context is None:
        context = own_process.context()
        own_process.tell(context)
    app = OpenAPI(
        "admin",
        info=Info(title="Bulletin board", version=product_version()),
        security_schemes=api.SECURITY_SCHEMES,
        validation_error_callback=problems.invalid,
        validation_error_model=problems.Problem,
        doc_ui=False,
    )
    app.config.update(_settings(context))
    app.extensions[EXTENSION] = context
    app.url_map.converters["id"] = IdConverter
    app.after_request(_secure)
    Bootstrap5(app)
    CSRFProtect(app).exempt(api.api)
    problems.install(app)
    look.install(app)
    door.install(app)
    setup_link.install(app)
    pages.install(app)
    app.register_blueprint(watch.watch)
    api.install(app)
    return app


def _settings(context: ConsoleContext) -> dict[str, object]:
    return {
        "SECRET_KEY": context.secret_key,
        "MAX_CONTENT_LENGTH": BODY_LIMIT_BYTES,
        "PERMANENT_SESSION_LIFETIME": timedelta(milliseconds=GOOD_FOR_MS),
        "SESSION_REFRESH_EACH_REQUEST": False,
        # Browsers send a host's cookies to all its ports, so another service's "session" would be in the way.
        "SESSION_COOKIE_NAME": "bbs_console",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": bool(context.start.admin.certificate or context.start.admin.behind_proxy),
        "WTF_CSRF_TIME_LIMIT": None,
        "BOOTSTRAP_SERVE_LOCAL": True,
    }


def _secure(response: Response) -> Response:
    response.headers.update(HEADERS)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    if not (request.endpoint or "").endswith("static"):
        response.headers["Cache-Control"] = "no-store"
    return response
