"""Users: who has visited the board, what is known of them, and what staff note of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act, answer, page
from admin.api.routing import actor, route
from admin.context import board
from admin.lists import Found, find
from admin.look import moment, moment_or_none
from admin.schemas import Body, Done, IdPath, Listing, Moment, PageQuery, Reason, Words, milliseconds
from bbs_core.accounts import UserQuery, addresses_of, get_user, key_of, list_users, neighbours
from bbs_core.erasure import is_erased
from bbs_core.presence import kick_user, online_ids, users_online
from bbs_core.remarks import add_remark, list_remarks
from bbs_core.sanctions import measures_against, users_under
from bbs_core.staff import Scope
from bbs_core.store.access import Connection


class UsersQuery(PageQuery):
    """Which users are wanted, and in which order."""

    search: Words | None = Field(None, description="How the name begins; such users come sorted by name.")
    network: Words | None = Field(None, description="An address or a network that they came from.")
    seen_since: datetime | None = Field(None, description="Visited then or later; they come sorted by last visit.")
    online: Literal["true"] | None = Field(None, description="On line now.")
    state: Literal["banned", "muted"] | None = Field(None, description="The name is banned or muted.")
    sort: Literal["id", "name", "last_visit"] = "id"

    def domain(self) -> UserQuery:
        """Return the query as the domain wants it."""
        among = [users_online()] if self.online else []
        if self.state is not None:
            among.append(users_under("ban" if self.state == "banned" else "mute"))
        since_ms = milliseconds(self.seen_since)
        return UserQuery(self.search, self.network, since_ms, tuple(among), self.sort)


class Address(BaseModel):
    """An address from which a user came."""

    address: str
    first: Moment
    last: Moment
    visits: int


class User(BaseModel):
    """A name that has visited the board, or was written to."""

    id: int
    name: str
    first_visit_at: Moment | None
    last_visit_at: Moment | None
    visits: int
    posts: int
    messages: int
    addresses: list[Address] = Field(description="The latest ones, the last used first.")
    online: bool
    banned: bool = Field(description="By name; a ban of an address is among /bans.")
    muted: bool
    erased: bool = Field(description="Their name, and what they wrote, was erased.")


class UserPage(Listing[User]):
    """Users, in the order that was asked for."""


class Neighbour(BaseModel):
    """Someone else who came from an address of a user."""

    id: int
    name: str
    address: str
    last: Moment


class UserDetail(User):
    """A user, and who else came from the same addresses."""

    neighbours: list[Neighbour]


class Note(BaseModel):
    """What staff noted of a user."""

    id: int
    author: str
    text: str
    at: Moment


class NotePage(Listing[Note]):
    """Notes, the newest first."""


class NewNote(Body):
    """What to note of a user; other staff read it."""

    text: str


class NoteDone(Done):
    """A note that was kept."""

    id: int


def find_users(query: UsersQuery) -> Found[User]:
    """Return a page of them, as `users` lists it."""
    wanted = query.domain()
    kinds = {"id": (int,), "name": (str, int), "last_visit": (int, int)}[wanted.order]
    return find(
        query,
        lambda c, asked: list_users(c, wanted, after=asked.after, limit=asked.rows),
        _users,
        key=lambda row: key_of(row, wanted.order),
        kinds=kinds,
    )


@route("GET", "/users", Scope.USERS_READ, UserPage)
def users(query: UsersQuery) -> Response:
    """List those who have visited the board."""
    return page(UserPage, find_users(query), query.limit)


@route("GET", "/users/<id>", Scope.USERS_READ, UserDetail)
def user(path: IdPath) -> Response:
    """Return a user, and who else came from the same addresses."""
    return answer(read_user(path.id))


def read_user(user_id: int) -> UserDetail:
    """Return a user with all that is known of them. Raises NotFound."""

    def found(connection: Connection) -> UserDetail:
        [one] = _users(connection, [get_user(connection, user_id)])
        others = [
            Neighbour(id=row["id"], name=row["name"], address=row["address"], last=moment(row["last_visit_at_ms"]))
            for row in neighbours(connection, user_id)
        ]
        return UserDetail(**one.model_dump(), neighbours=others)

    return board().access.read(found)


@route("POST", "/users/<id>/kick", Scope.USERS_MODERATE, Done)
def kick(path: IdPath, body: Reason) -> Response:
    """End all sessions of a user."""
    who, ledger = actor(), board().ledger
    return act(lambda c: Done(act_id=kick_user(c, ledger, who, path.id, body.reason)))


def find_notes(user_id: int, query: PageQuery) -> Found[Note]:
    """Return a page of them, as `notes` lists it."""
    return find(
        query,
        lambda c, asked: list_remarks(c, user_id, before_id=asked.key, limit=asked.rows),
        lambda _, rows: [
            Note(id=row["id"], author=row["author"], text=row["text"], at=moment(row["at_ms"])) for row in rows
        ],
    )


@route("GET", "/users/<id>/notes", Scope.USERS_READ, NotePage)
def notes(path: IdPath, query: PageQuery) -> Response:
    """List what staff noted of a user."""
    return page(NotePage, find_notes(path.id, query), query.limit)


@route("POST", "/users/<id>/notes", Scope.USERS_MODERATE, NoteDone)
def note(path: IdPath, body: NewNote) -> Response:
    """Note something of a user, for other staff."""
    who, ledger = actor(), board().ledger

    def done(connection: Connection) -> NoteDone:
        note_id, act_id = add_remark(connection, ledger, who, path.id, body.text)
        return NoteDone(id=note_id, act_id=act_id)

    return act(done)


def _users(connection: Connection, rows: Sequence[Mapping[Any, Any]]) -> list[User]:
    ids = [row["id"] for row in rows]
    addresses, online = addresses_of(connection, ids), online_ids(connection, ids)
    measures = measures_against(connection, ids)
    return [
        User(
            id=row["id"],
            name=row["name"],
            first_visit_at=moment_or_none(row["first_visit_at_ms"]),
            last_visit_at=moment_or_none(row["last_visit_at_ms"]),
            visits=row["visits"],
            posts=row["posts"],
            messages=row["messages"],
            addresses=[_address(address) for address in addresses.get(row["id"], [])],
            online=row["id"] in online,
            banned="ban" in measures.get(row["id"], ()),
            muted="mute" in measures.get(row["id"], ()),
            erased=is_erased(row),
        )
        for row in rows
    ]


def _address(row: Mapping[Any, Any]) -> Address:
    return Address(
        address=row["address"],
        first=moment(row["first_visit_at_ms"]),
        last=moment(row["last_visit_at_ms"]),
        visits=row["visits"],
    )
