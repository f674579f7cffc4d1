"""What came since a user was here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from bbs_core.plugin import Count, Session, Storage, User, command, example, hookimpl, settings

ROW_CHARACTERS = 500
# A plugin has ten thousand keys, and a board may have more users: 4,096 keys have room for a thousand of them each.
KEY_DIGITS = 3
NAME_BYTES = 8


@settings
class Settings(BaseModel):
    """How much of it is shown."""

    rows: int = Field(10, ge=0, le=50, description="The newest posts, and as many messages, that are shown; 0 is none.")


class Place(NamedTuple):
    """How far a user has read: the last post and the last message that a visit has shown."""

    post_id: int = 0
    message_id: int = 0


@command("/new")
@example("/new", like="Welcome! list shows no posts, and listdm no messages.")
async def show_news(session: Session, settings: Settings, storage: Storage) -> list[str]:
    """Say what came since your last visit, and show the newest of it.

    Only what list and listdm show is counted, nothing that was hidden. During a visit it is always all since the last
    one, however often you ask. What a list or /new has shown you is not new at your next visit.
    """
    place = await _place_of(session.username, storage)
    posts = await session.board.count(place.post_id)
    messages = await session.mail.count(place.message_id)
    if place == Place():
        return [f"Welcome! list shows {_posts(posts)}, and listdm {_number(messages, 'message')}."]
    if not (posts.shown or messages):
        return ["Nothing is new since your last visit."]
    rows = [f"Since your last visit: {_posts(posts)}, {_number(messages, 'message')}."]
    if settings.rows and posts.shown:
        rows += await session.board.newest(min(settings.rows, posts.shown), place.post_id)
    if settings.rows and messages:
        rows += ["Messages:", *await session.mail.newest(settings.rows, place.message_id)]
    return [row if len(row) <= ROW_CHARACTERS else row[: ROW_CHARACTERS - 1] + "…" for row in rows]


@hookimpl
async def bbs_session_closed(session: Session, storage: Storage) -> None:
    """Keep how far the user has read."""
    shown = Place(session.board.shown_id, session.mail.shown_id)
    if any(shown):
        key, name = _keys(session.username)

        def moved(places: Mapping[str, Any] | None) -> Mapping[str, Any]:
            before = Place(*(places or {}).get(name, Place()))
            return {**(places or {}), name: [*map(max, before, shown)]}

        await storage.change(key, moved)


@hookimpl
async def bbs_export_user(user: User, storage: Storage) -> dict[str, int] | None:
    """Return how far the user has read."""
    place = await _place_of(user.name, storage)
    return place._asdict() if any(place) else None


@hookimpl
async def bbs_forget_user(user: User, storage: Storage) -> str | None:
    """Forget how far the user has read."""
    if not any(await _place_of(user.name, storage)):
        return None
    key, forgotten = _keys(user.name)
    await storage.change(key, lambda places: {name: place for name, place in places.items() if name != forgotten})
    return "How far the user has read was forgotten."


async def _place_of(name: str, storage: Storage) -> Place:
    """Return where the last visit of a name has ended."""
    key, digest = _keys(name)
    return Place(*(await storage.get(key, {})).get(digest, Place()))


def _keys(name: str) -> tuple[str, str]:
    """Return the key of many names together, and that of one among them."""
    digest = hashlib.blake2b(name.encode(), digest_size=NAME_BYTES).hexdigest()
    return digest[:KEY_DIGITS], digest


def _posts(count: Count) -> str:
    shown = _number(count.shown, "post")
    return f"{shown} (list leaves out {count.left_out} earlier)" if count.left_out else shown


def _number(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
