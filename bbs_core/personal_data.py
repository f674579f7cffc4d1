"""All that the board holds of a user, as they may have it: section by section, and some rows at a time.

Messages and notices are counted and not told: staff hand the export on, and staff do not read them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from bbs_core.accounts import get_user
from bbs_core.posts import State
from bbs_core.presence import online_ids
from bbs_core.public.lines import User as Asked
from bbs_core.rules import USER
from bbs_core.store.models import Hold, LiveSession, Message, Notice, Post, User, UserAddress
from bbs_core.store.staff_models import Act, ActText, Remark, Report, Sanction

T = TypeVar("T")
ROWS_AT_A_TIME = 500
UNREAD = "Texts of direct messages are for who wrote them and who got them: listdm shows a user their own."

Row = dict[str, Any]


class Page(Protocol):
    """Some rows of a section, and the number behind which the next ones begin, None where there are none."""

    def __call__(self, connection: sa.Connection, after_id: int) -> tuple[list[Row], int | None]:
        """Read the rows behind a number."""


class Outcome(StrEnum):
    """What came of asking a plugin."""

    ANSWERED = "answered"
    NOTHING = "nothing"
    FAILED = "failed"
    OFF = "off"


@dataclass(frozen=True)
class Reply:
    """What a plugin said that was asked about a user; `data` is what it gave for an export."""

    plugin: str
    outcome: Outcome
    sentence: str
    data: Mapping[str, Any] | None = None


# Ask all plugins; those that cannot be asked are among the replies.
Ask = Callable[[Asked], Sequence[Reply]]


def nobody(_user: Asked) -> list[Reply]:
    """Say that there is no server whose plugins could be asked."""
    return [Reply("", Outcome.FAILED, "No server is running, so that its plugins could not be asked.")]


class Read(Protocol):
    """How a short read is done."""

    def __call__(self, function: Callable[[sa.Connection], T]) -> T:
        """Return what the function returns."""


@dataclass(frozen=True)
class Section:
    """A part of an export: one thing, or rows that are read as they are asked for."""

    name: str
    content: Row | Iterator[Row]


def asked_about(connection: sa.Connection, user_id: int) -> Asked:
    """Return a user as plugins are told of them. Raises NotFound."""
    return Asked(user_id, get_user(connection, user_id)["name"], user_id in online_ids(connection, [user_id]))


def export_user(read: Read, user_id: int, replies: Iterable[Reply]) -> Iterator[Section]:
    """Yield the sections of an export; read one before the next is asked for. Raises NotFound."""
    yield Section("user", read(lambda connection: _user(connection, user_id)))
    for name, page in _pages(user_id).items():
        yield Section(name, _rows(read, page))
    yield Section("messages", read(lambda connection: _counts(connection, user_id)))
    yield Section("plugins", map(asdict, replies))


def as_json(sections: Iterable[Section]) -> Iterator[str]:
    """Yield an export as one JSON object, piece by piece."""
    begin = "{"
    for section in sections:
        yield f"{begin}\n{json.dumps(section.name)}: "
        if isinstance(section.content, dict):
            yield json.dumps(section.content)
        else:
            yield from _array(section.content)
        begin = ","
    yield "\n}\n"


def _array(rows: Iterable[Row]) -> Iterator[str]:
    begin = "["
    for row in rows:
        yield f"{begin}\n  {json.dumps(row)}"
        begin = ","
    yield "[]" if begin == "[" else "\n]"


def _rows(read: Read, page: Page) -> Iterator[Row]:
    after: int | None = 0
    while after is not None:
        rows, after = read(partial(page, after_id=after))
        yield from rows


def _pages(user_id: int) -> dict[str, Page]:
    """The sections that may be long, each by its rows and their numbers."""
    number = sa.func.row_number().over(order_by=UserAddress.address)
    addresses = sa.select(number.label("id"), UserAddress.address, UserAddress.first_visit_at_ms)
    addresses = addresses.add_columns(UserAddress.last_visit_at_ms, UserAddress.visits)
    sessions = sa.select(LiveSession.id, LiveSession.address, LiveSession.opened_at_ms)
    reports = sa.select(Report.id, Report.kind, Report.target_id, Report.words, Report.at_ms, Report.outcome)
    return {
        "addresses": _numbered(addresses.where(UserAddress.user_id == user_id).subquery()),
        "sessions": _numbered(sessions.where(LiveSession.user_id == user_id).subquery()),
        "posts": _numbered(_posts(user_id).subquery()),
        "reports": _numbered(reports.where(Report.user_id == user_id).subquery()),
        "sanctions": _numbered(_sanctions(user_id).subquery()),
        "notes_of_staff": _numbered(
            sa.select(Remark.id, Remark.text, Remark.at_ms).where(Remark.user_id == user_id).subquery()
        ),
        "acts_on_posts": _acts("post", Post.id, Post.user_id == user_id),
        "acts_on_sanctions": _acts("sanction", Sanction.id, _sanctioned(user_id)),
        "acts_on_the_user": _acts("user", User.id, User.id == user_id),
    }


def _posts(user_id: int) -> sa.Select[Any]:
    columns = (Post.id, Post.address, Post.text, Post.at_ms, Post.state)
    posts = sa.select(*columns).add_columns(Hold.reason.label("held_for"))
    return posts.outerjoin(Hold, Hold.post_id == Post.id).where(Post.user_id == user_id)


def _sanctions(user_id: int) -> sa.Select[Any]:
    columns = (Sanction.id, Sanction.measure, Sanction.kind, Sanction.reason, Sanction.note, Sanction.created_at_ms)
    found = sa.select(*columns).add_columns(Sanction.expires_at_ms, Sanction.lifted_at_ms)
    return found.where(_sanctioned(user_id))


def _sanctioned(user_id: int) -> sa.ColumnElement[bool]:
    """A name may be banned before anyone comes with it."""
    name = sa.select(User.name).where(User.id == user_id).scalar_subquery()
    return sa.or_(Sanction.user_id == user_id, sa.and_(Sanction.kind == USER, Sanction.value == name))


def _numbered(found: sa.Subquery) -> Page:
    def page(connection: sa.Connection, after_id: int) -> tuple[list[Row], int | None]:
        query = sa.select(found).where(found.c.id > after_id).order_by(found.c.id).limit(ROWS_AT_A_TIME)
        rows = [_told(row) for row in connection.execute(query).mappings()]
        return rows, rows[-1]["id"] if len(rows) == ROWS_AT_A_TIME else None

    return page


def _told(row: Mapping[Any, Any]) -> Row:
    """Return a row as people read it: a state by its name, a time as a date."""
    return dict(_read(name, value) for name, value in row.items())


def _read(name: str, value: Any) -> tuple[str, Any]:
    if name == "state":
        return name, State(value).name.lower()
    if not name.endswith("at_ms"):
        return name, value
    at = None if value is None else datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds")
    return name.removesuffix("_ms"), at


def _acts(kind: str, target: Any, condition: sa.ColumnElement[bool]) -> Page:
    """What staff did, target by target; not who of them it was."""

    def page(connection: sa.Connection, after_id: int) -> tuple[list[Row], int | None]:
        some = sa.select(target).where(condition, target > after_id).order_by(target).limit(ROWS_AT_A_TIME)
        ids = list(connection.execute(some).scalars())
        return _acts_on(connection, kind, ids), ids[-1] if len(ids) == ROWS_AT_A_TIME else None

    return page


def _acts_on(connection: sa.Connection, kind: str, ids: Sequence[int]) -> list[Row]:
    acts = sa.select(Act.id, Act.at_ms, Act.action, Act.target_kind, Act.target_id, ActText.text.label("reason"))
    acts = acts.outerjoin(ActText, ActText.digest == Act.reason)
    found = acts.where(Act.target_kind == kind, Act.target_id.in_(list(map(str, ids)))).order_by(Act.id)
    return list(map(_told, connection.execute(found).mappings()))


def _user(connection: sa.Connection, user_id: int) -> Row:
    row = _told(get_user(connection, user_id))
    del row["name_key"]
    return row


def _counts(connection: sa.Connection, user_id: int) -> Row:
    def count(*conditions: sa.ColumnElement[bool]) -> int:
        return connection.execute(sa.select(sa.func.count()).where(*conditions)).scalar_one()

    sent = connection.execute(sa.select(User.messages).where(User.id == user_id)).scalar()
    received, waiting = count(Message.recipient_id == user_id), count(Notice.user_id == user_id)
    return {"sent": sent, "received": received, "notices_waiting": waiting, "why_no_texts": UNREAD}
