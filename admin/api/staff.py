"""Staff: who may do what in the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, Field, SecretStr

from admin.api.answers import act, read
from admin.api.routing import actor, route
from admin.context import board
from admin.ids import Id
from admin.look import moment, moment_or_none
from admin.schemas import Body, Done, IdPath, Listing, Moment, Reason
from bbs_core import staff
from bbs_core.passwords import hash_password
from bbs_core.staff import NAME_LIMIT, Scope
from bbs_core.store.access import Connection

RoleName = Annotated[str, Field(max_length=NAME_LIMIT, json_schema_extra={"enum": list(staff.ROLES)})]


class Member(BaseModel):
    """Someone who is, or was, on the staff."""

    id: int
    name: str
    role: str
    created_at: Moment
    disabled_at: Moment | None
    second_factor: bool
    version: int = Field(description="Send it back with a change, so that nobody's change is lost.")


class MemberPage(Listing[Member]):
    """All of the staff, the oldest first; there is no next page."""


class NewMember(Body):
    """Whom to let in."""

    name: str = Field(max_length=NAME_LIMIT)
    role: RoleName
    password: SecretStr


class RoleChange(Reason):
    """Another role, if it was not changed since `version`."""

    role: RoleName
    version: Id


class MemberDone(Member, Done):
    """A member after an act of staff."""


@route("GET", "/staff", Scope.STAFF_WRITE, MemberPage)
def members() -> Response:
    """List the staff."""
    return read(lambda c: MemberPage(items=[_member(row) for row in staff.list_staff(c)], next=None))


@route("POST", "/staff", Scope.STAFF_WRITE, MemberDone)
def add(body: NewMember) -> Response:
    """Let someone enter the console, in a role below one's own."""
    who, ledger = actor(), board().ledger
    # Hashed before the writer is asked: it has no tenth of a second to give.
    password_hash = hash_password(body.password.get_secret_value())

    def done(connection: Connection) -> MemberDone:
        act_id = staff.add_staff(connection, ledger, who, body.name, body.role, password_hash)
        return _changed(connection, staff.id_of(connection, body.name), act_id)

    return act(done)


@route("PATCH", "/staff/<id>", Scope.STAFF_WRITE, MemberDone)
def change_role(path: IdPath, body: RoleChange) -> Response:
    """Give someone another role; nobody changes their own, and an owner stays."""
    who, ledger = actor(), board().ledger

    def done(connection: Connection) -> MemberDone:
        act_id = staff.change_role(connection, ledger, who, path.id, body.role, body.reason, body.version)
        return _changed(connection, path.id, act_id)

    return act(done)


@route("POST", "/staff/<id>/disable", Scope.STAFF_WRITE, MemberDone)
def disable_member(path: IdPath, body: Reason) -> Response:
    """Let someone, and their tokens, enter no more."""
    who, ledger = actor(), board().ledger
    return act(lambda c: _changed(c, path.id, staff.disable_staff(c, ledger, who, path.id, body.reason)))


@route("POST", "/staff/<id>/enable", Scope.STAFF_WRITE, MemberDone)
def enable_member(path: IdPath, body: Reason) -> Response:
    """Let someone in again."""
    who, ledger = actor(), board().ledger
    return act(lambda c: _changed(c, path.id, staff.enable_staff(c, ledger, who, path.id, body.reason)))


def _changed(connection: Connection, staff_id: int, act_id: int) -> MemberDone:
    [row] = [row for row in staff.list_staff(connection) if row["id"] == staff_id]
    return MemberDone(**_member(row).model_dump(), act_id=act_id)


def _member(row: Mapping[Any, Any]) -> Member:
    return Member(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        created_at=moment(row["created_at_ms"]),
        disabled_at=moment_or_none(row["disabled_at_ms"]),
        second_factor=row["second_factor"],
        version=row["version"],
    )
