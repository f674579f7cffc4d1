"""What the board and its plugins keep of a user: exporting it, and erasing it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Any

from flask import Response, stream_with_context
from pydantic import BaseModel, Field

from admin.api.answers import answer
from admin.api.routing import actor, route
from admin.context import board
from admin.schemas import Done, IdPath, Reason
from bbs_core.erasure import Outcomes, erase
from bbs_core.ledger import Actor
from bbs_core.personal_data import Outcome, as_json, asked_about, export_user
from bbs_core.platform import personal
from bbs_core.staff import Scope

Rows = list[dict[str, Any]]


class Reply(BaseModel):
    """What a plugin said that was asked about a user."""

    plugin: str
    outcome: Outcome
    sentence: str


class Given(Reply):
    """What a plugin gave of a user."""

    data: dict[str, Any] | None


class Export(BaseModel):
    """All that is kept of a user, but for the texts of direct messages, which staff do not read."""

    user: dict[str, Any]
    addresses: Rows
    sessions: Rows
    posts: Rows
    reports: Rows
    sanctions: Rows
    notes_of_staff: Rows
    acts_on_posts: Rows
    acts_on_sanctions: Rows
    acts_on_the_user: Rows
    messages: dict[str, Any]
    plugins: list[Given]


class Erase(Reason):
    """Why a user is to be erased; what is erased does not come back."""

    force: bool = Field(False, description="Erase them though a plugin fails at it.")


class Erased(Done):
    """What came of erasing a user."""

    erased: bool = Field(description="False where a plugin failed: then all but what plugins keep is as it was.")
    plugins: list[Reply]


@route("GET", "/users/<id>/export", Scope.EXPORT, Export)
def export(path: IdPath) -> Response:
    """Return all that the board and its plugins keep of a user."""
    return exported(path.id)


@route("POST", "/users/<id>/erase", Scope.USERS_ERASE, Erased)
def erase_one(path: IdPath, body: Erase) -> Response:
    """Have the plugins forget a user, and erase them; where a plugin fails, only if that is forced."""
    outcomes = erase_user(actor(), path.id, body.reason, body.force)
    replies = [Reply(plugin=one.plugin, outcome=one.outcome, sentence=one.sentence) for one in outcomes.plugins]
    return answer(Erased(act_id=outcomes.act_id, erased=outcomes.erased, plugins=replies))


def exported(user_id: int) -> Response:
    """Return an export, read as it is sent. Raises NotFound."""
    console = board()
    user = console.access.read(lambda connection: asked_about(connection, user_id))
    replies = personal.export(console.calls, user)
    text = _begun(as_json(export_user(console.access.read, user_id, replies)))
    return Response(stream_with_context(text), content_type="application/json")


def erase_user(who: Actor, user_id: int, reason: str, force: bool) -> Outcomes:
    """Erase a user, as `erase_one` does. Raises NotFound, InvalidAct."""
    console = board()
    forget = partial(personal.forget, console.calls)
    return erase(console.access, console.ledger, who, forget, user_id, reason, force=force)


def _begun(pieces: Iterator[str]) -> Iterator[str]:
    """Read the beginning now, while a failure can still be an answer of its own."""
    return chain(list(islice(pieces, 2)), pieces)
