"""Errors as answers: problem details (RFC 9457) for programs, a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from bbs_core.errors import BBSError, Conflict, Forbidden, InvalidAct, NotFound, StoreUnavailable, Throttled
from bbs_core.rows import visible

log = structlog.get_logger(__name__)

API_PREFIX = "/api/"
PROBLEM_TYPE = "application/problem+json"
FAILED = "The board failed at this: its log says why."
# The codes never change: programs rely on them.
KINDS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "This request cannot be read."),
    401: ("unauthorized", "Send a bearer token that is in force."),
    403: ("forbidden", "This is not granted."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
    409: ("conflict", "This is done already."),
    413: ("too_large", "This request is too large."),
    415: ("not_json", "Send the body as application/json."),
    422: ("invalid", "This request is not of its form."),
    429: ("throttled", "Too many attempts: wait a while."),
    500: ("failed", FAILED),
    503: ("unavailable", "The board cannot do this at the moment: try again."),
}
STATUSES: Mapping[type[BBSError], int] = {
    NotFound: 404,
    Conflict: 409,
    Forbidden: 403,
    InvalidAct: 422,
    Throttled: 429,
    StoreUnavailable: 503,
}


class Problem(BaseModel):
    """What went wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="One sentence for people.")
    code: str = Field(description=f"For programs: one of {', '.join(code for code, _ in KINDS.values())}.")


def install(app: Flask) -> None:
    """Answer every error of an application."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(BBSError, _board_error)
    app.register_error_handler(Exception, _failure)


def invalid(error: ValidationError) -> Response:
    """Raise InvalidAct with the first of a request's mistakes."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])).encode(errors="backslashreplace").decode()
    raise InvalidAct(f"{visible(place[:60])}: {first['msg'][:1].lower()}{first['msg'][1:]}.")


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return _answer(status, KINDS.get(status, ("", HTTPStatus(status).phrase + "."))[1], headers)


def _expired_form(_error: CSRFError) -> Response:
    return _answer(400, "This form has expired: load its page anew and try again.")


def _board_error(error: BBSError) -> Response:
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)
    if status < 500:
        return _answer(status, str(error))
    # What a driver says of its database is for the log alone: strangers may ask too.
    log.warning("request_failed", path=request.path, error=error)
    return _answer(status, KINDS[status][1])


def _failure(_error: Exception) -> Response:
    log.exception("request_failed", path=request.path)
    return _answer(500, FAILED)


def _answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    title = HTTPStatus(status).phrase
    if request.path.startswith(API_PREFIX):
        code = KINDS[status][0] if status in KINDS else title.lower().replace(" ", "_")
        problem = Problem(title=title, status=status, detail=detail, code=code)
        response = Response(problem.model_dump_json(), status, content_type=PROBLEM_TYPE)
    else:
        response = make_response(render_template("error.html", title=title, detail=detail), status)
    response.headers.update(headers or {})
    return response
