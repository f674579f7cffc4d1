"""The API's blueprint: its guard, and how a route says what it asks for and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from flask import g, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from flask_openapi3.types import ResponseDict, SecuritySchemesDict
from pydantic import BaseModel
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Unauthorized

from admin import scopes
from admin.context import board
from admin.problems import KINDS, PROBLEM_TYPE
from bbs_core.clock import now_ms
from bbs_core.errors import InvalidAct
from bbs_core.ledger import Actor
from bbs_core.staff import Scope
from bbs_core.tokens import StaffToken, find_token

PREFIX = "/api/v1"
SCHEME = "bearer"
SECURITY_SCHEMES: SecuritySchemesDict = {SCHEME: {"type": "http", "scheme": "bearer"}}
PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
ALWAYS = (400, 401, 403, 404, 422, 500, 503)
WITH_BODY = (409, 413, 415)
Method = Literal["GET", "POST", "PATCH"]
WITH_A_BODY = ("POST", "PATCH")

api = APIBlueprint("api", __name__, url_prefix=PREFIX)


def route(
    method: Method, rule: str, scope: Scope, answer: type[BaseModel]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a view of the API, in the application and in the document."""
    statuses = ALWAYS if method == "GET" else ALWAYS + WITH_BODY
    security: list[dict[str, list[Any]]] = [{SCHEME: [scope.value]}]

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        noun = view.__module__.rpartition(".")[2]
        options: dict[str, Any] = {"endpoint": f"{noun}_{view.__name__}", "tags": [Tag(name=rule.split("/")[1])]}
        add = {"GET": api.get, "POST": api.post, "PATCH": api.patch}[method]
        add(rule, security=security, responses={200: answer, **problems(*statuses)}, **options)(
            scopes.needs(scope)(view)
        )
        return view

    return register


def problems(*statuses: int) -> ResponseDict:
    """Return the problems that a route may answer, as the document has them."""
    return {
        status: {"description": KINDS[status][1], "content": {PROBLEM_TYPE: {"schema": PROBLEM_SCHEMA}}}
        for status in statuses
    }


@api.before_request
def guard() -> None:
    """Ask for the token before anything else is looked at, then for its scope, then for the form of the body."""
    g.token = _token()
    scopes.check(g.token.scopes)
    if request.method in WITH_A_BODY:
        _check_body()


def _token() -> StaffToken:
    given = request.authorization
    if given is not None and given.type == SCHEME and (plain := given.token):
        token = board().access.read(lambda connection: find_token(connection, plain, now_ms()))
        if token is not None:
            return token
    raise Unauthorized(www_authenticate=WWWAuthenticate(SCHEME, {"realm": "board"}))


def _check_body() -> None:
    """The library takes a body of another type for an absent one, and JSON in a JSON text for a body."""
    try:
        body = request.get_json()
    except RecursionError:
        raise BadRequest from None
    if not isinstance(body, dict):
        raise InvalidAct("The body must be a JSON object.")


def caller() -> StaffToken:
    """Return the token of this request."""
    token: StaffToken = g.token
    return token


def actor() -> Actor:
    """Return who acts in this request."""
    member = caller().member
    return Actor("staff", member.name, "token", member.id, caller().scopes)
