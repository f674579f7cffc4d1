"""Tokens: what programs show in the place of a member of the staff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act, page
from admin.api.routing import actor, caller, route
from admin.context import board
from admin.lists import Found, find
from admin.look import moment, moment_or_none
from admin.schemas import Body, Done, IdPath, Listing, Moment, PageQuery
from bbs_core import tokens
from bbs_core.staff import NAME_LIMIT, Scope
from bbs_core.store.access import Connection


class Token(BaseModel):
    """A token; what it says is shown once, when it is made."""

    id: int
    staff: str
    name: str
    scopes: list[str]
    expires_at: Moment
    revoked_at: Moment | None


class TokenPage(Listing[Token]):
    """Tokens that were ever made, the oldest first."""


class NewToken(Body):
    """A token for oneself, with no more rights than the one that asks for it."""

    name: str = Field(max_length=NAME_LIMIT)
    scopes: list[Annotated[str, Field(json_schema_extra={"enum": [tokens.ALL, *Scope]})]] = Field(
        min_length=1, max_length=len(Scope) + 1
    )
    expires_days: int = Field(tokens.EXPIRES_DAYS, ge=1, le=tokens.EXPIRES_DAYS_LIMIT)


class TokenMade(BaseModel):
    """A new token; it is kept nowhere, and shown this once."""

    token: str


def find_tokens(query: PageQuery) -> Found[Token]:
    """Return a page of them, as `list_all` lists it."""
    return find(
        query,
        lambda c, asked: tokens.list_tokens(c, after_id=asked.key or 0, limit=asked.rows),
        lambda _, rows: [_token(row) for row in rows],
    )


@route("GET", "/tokens", Scope.STAFF_WRITE, TokenPage)
def list_all(query: PageQuery) -> Response:
    """List the tokens of all staff."""
    return page(TokenPage, find_tokens(query), query.limit)


@route("POST", "/tokens", Scope.STAFF_WRITE, TokenMade)
def create(body: NewToken) -> Response:
    """Make a token for oneself."""
    who, ledger, given = actor(), board().ledger, caller()

    def done(connection: Connection) -> TokenMade:
        plain = tokens.create_token(
            connection,
            ledger,
            who,
            staff_name=given.member.name,
            label=body.name,
            scopes=body.scopes,
            expires_days=body.expires_days,
            within=given.scopes,
        )
        return TokenMade(token=plain)

    return act(done)


@route("POST", "/tokens/<id>/revoke", Scope.STAFF_WRITE, Done)
def revoke(path: IdPath, body: Body) -> Response:
    """Refuse a token from now on."""
    who, ledger = actor(), board().ledger
    return act(lambda c: Done(act_id=tokens.revoke_token(c, ledger, who, path.id)))


def _token(row: Mapping[Any, Any]) -> Token:
    return Token(
        id=row["id"],
        staff=row["staff"],
        name=row["name"],
        scopes=row["scopes"].split(),
        expires_at=moment(row["expires_at_ms"]),
        revoked_at=moment_or_none(row["revoked_at_ms"]),
    )
