"""Bans and mutes: of a name, an address or a network, with a preview of whom they hit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from flask import Response, request
from pydantic import BaseModel, Field

from admin.api.answers import act, act_once, page, read
from admin.api.routing import actor, route
from admin.context import board
from admin.ids import Id
from admin.lists import Found, find
from admin.look import moment, moment_or_none
from admin.schemas import Done, IdPath, Listing, Moment, OnceHeader, PageQuery, Reason
from bbs_core import sanctions
from bbs_core.clock import now_ms
from bbs_core.proposals import LONGEST_S, NOTE_LIMIT, Proposal, preview
from bbs_core.staff import Scope
from bbs_core.store.access import Connection

BAN, MUTE = "ban", "mute"


class SanctionsQuery(PageQuery):
    """Which bans or mutes are wanted."""

    in_force: Literal["true", "false"] | None = None
    user_id: Id | None = None


class NewSanction(Reason):
    """Whom to ban or mute, why, and until when."""

    kind: Literal["user", "ip", "cidr"]
    value: str
    note: str = Field("", max_length=NOTE_LIMIT, description="For staff alone.")
    expires_in_s: int | None = Field(None, ge=1, le=LONGEST_S, description="null has no end.")
    posts: Literal["keep", "hide"] = Field("keep", description="What becomes of the posts of those who are hit.")
    dry_run: bool = Field(False, description="Say whom it would hit, and change nothing.")
    force: bool = Field(False, description="Do it although a warning speaks against it.")

    def proposal(self, measure: str) -> Proposal:
        """Return what is proposed; reads the request, for where it comes from."""
        return Proposal(
            measure=measure,
            kind=self.kind,
            value=self.value,
            reason=self.reason,
            note=self.note,
            expires_in_s=self.expires_in_s,
            hide_posts=self.posts == "hide",
            force=self.force,
            own_address=request.remote_addr or "",
        )


class Hits(BaseModel):
    """Whom a ban or mute hits, and what speaks against it."""

    users: int
    names: list[str] = Field(description="The first of them.")
    sessions: int = Field(description="On line now.")
    posts: int = Field(description="Shown at the moment.")
    warnings: list[str]


class Sanction(BaseModel):
    """A ban or a mute."""

    id: int
    kind: Literal["user", "ip", "cidr", "erased"]
    value: str = Field(description="Of a name that was erased, a digest of it.")
    user_id: int | None
    reason: str
    note: str
    created_at: Moment
    expires_at: Moment | None
    lifted_at: Moment | None
    in_force: bool


class SanctionPage(Listing[Sanction]):
    """Bans or mutes, the newest first."""


class SanctionAdded(BaseModel):
    """A new ban or mute and whom it hits; only that after a dry run."""

    hits: Hits
    sanction: Sanction | None
    act_id: int | None


class SanctionChanged(Sanction, Done):
    """A ban or mute after an act of staff."""


@route("GET", "/bans", Scope.USERS_READ, SanctionPage)
def bans(query: SanctionsQuery) -> Response:
    """List the bans, the newest first."""
    return page(SanctionPage, find_sanctions(BAN, query), query.limit)


@route("GET", "/bans/<id>", Scope.USERS_READ, Sanction)
def ban(path: IdPath) -> Response:
    """Return a ban."""
    return read(lambda connection: _sanction(sanctions.get_sanction(connection, path.id, BAN)))


@route("POST", "/bans", Scope.USERS_MODERATE, SanctionAdded)
def add_ban(header: OnceHeader, body: NewSanction) -> Response:
    """Keep a name, an address or a network out: it reads the reason and can do nothing else."""
    return _add(BAN, header, body)


@route("POST", "/bans/<id>/lift", Scope.USERS_MODERATE, SanctionChanged)
def lift_ban(path: IdPath, body: Reason) -> Response:
    """End a ban before its time."""
    return _lift(BAN, path.id, body.reason)


@route("GET", "/mutes", Scope.USERS_READ, SanctionPage)
def mutes(query: SanctionsQuery) -> Response:
    """List the mutes, the newest first."""
    return page(SanctionPage, find_sanctions(MUTE, query), query.limit)


@route("GET", "/mutes/<id>", Scope.USERS_READ, Sanction)
def mute(path: IdPath) -> Response:
    """Return a mute."""
    return read(lambda connection: _sanction(sanctions.get_sanction(connection, path.id, MUTE)))


@route("POST", "/mutes", Scope.USERS_MODERATE, SanctionAdded)
def add_mute(header: OnceHeader, body: NewSanction) -> Response:
    """Let a name, an address or a network read, and not write."""
    return _add(MUTE, header, body)


@route("POST", "/mutes/<id>/lift", Scope.USERS_MODERATE, SanctionChanged)
def lift_mute(path: IdPath, body: Reason) -> Response:
    """End a mute before its time."""
    return _lift(MUTE, path.id, body.reason)


def find_sanctions(measure: str, query: SanctionsQuery) -> Found[Sanction]:
    """Return a page of bans or mutes, the newest first."""
    in_force = None if query.in_force is None else query.in_force == "true"
    return find(
        query,
        lambda c, asked: sanctions.list_sanctions(
            c, measure, in_force=in_force, user_id=query.user_id, before_id=asked.key, limit=asked.rows
        ),
        lambda _, rows: [_sanction(row) for row in rows],
    )


def _add(measure: str, header: OnceHeader, body: NewSanction) -> Response:
    proposal, who, ledger = body.proposal(measure), actor(), board().ledger
    if body.dry_run:
        return read(lambda c: SanctionAdded(hits=_hits(c, proposal), sanction=None, act_id=None))

    def done(connection: Connection) -> SanctionAdded:
        hits = _hits(connection, proposal)
        sanction_id, act_id = sanctions.add(connection, ledger, who, proposal)
        added = _sanction(sanctions.get_sanction(connection, sanction_id))
        return SanctionAdded(hits=hits, sanction=added, act_id=act_id)

    return act_once(header, done)


def _lift(measure: str, sanction_id: int, reason: str) -> Response:
    who, ledger = actor(), board().ledger

    def done(connection: Connection) -> SanctionChanged:
        act_id = sanctions.lift(connection, ledger, who, sanction_id, reason, measure)
        changed = _sanction(sanctions.get_sanction(connection, sanction_id))
        return SanctionChanged(**changed.model_dump(), act_id=act_id)

    return act(done)


def _hits(connection: Connection, proposal: Proposal) -> Hits:
    found = preview(connection, proposal)
    return Hits(**vars(found))


def _sanction(row: Mapping[Any, Any]) -> Sanction:
    ends = row["lifted_at_ms"], row["expires_at_ms"]
    return Sanction(
        id=row["id"],
        kind=row["kind"],
        value=row["value"],
        user_id=row["user_id"],
        reason=row["reason"],
        note=row["note"],
        created_at=moment(row["created_at_ms"]),
        expires_at=moment_or_none(row["expires_at_ms"]),
        lifted_at=moment_or_none(row["lifted_at_ms"]),
        in_force=ends[0] is None and (ends[1] is None or ends[1] > now_ms()),
    )
