"""How a row looks: a template of the settings, made into a function of a post or message (docs/protocol.md, Rows)."""

from __future__ import annotations

import time
from collections.abc import Callable
from operator import attrgetter
from typing import Protocol

import structlog

from bbs_core import rows
from bbs_core.rowformat import parse
from bbs_core.settings import MESSAGE_FIELDS, POST_FIELDS

log = structlog.get_logger(__name__)

UNSHOWN = "* This row cannot be shown."


class Written(Protocol):
    """What a post and a message have in common, on their way and read back."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def at_ms(self) -> int: ...


def _clock(row: Written) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(row.at_ms / 1000))


_VALUES: dict[str, Callable[[Written], object]] = {
    "ip": attrgetter("address"),
    "text": attrgetter("text"),
    "username": attrgetter("name"),
    "sender": attrgetter("name"),
    "time": _clock,
    "id": attrgetter("id"),
}

Frames = Callable[[Written], list[bytes]]


def post_frames(template: str, visible_controls: bool) -> Frames:
    """Return the function that makes a post's frames."""
    return _frames(_renderer(template, POST_FIELDS), visible_controls)


def message_frames(template: str, visible_controls: bool) -> Frames:
    """Return the function that makes a message's frames."""
    return _frames(_renderer(template, MESSAGE_FIELDS), visible_controls)


def _frames(render: Callable[[Written], str], visible_controls: bool) -> Frames:
    shown = rows.visible if visible_controls else str

    def frames(row: Written) -> list[bytes]:
        try:
            text = shown(render(row))
        except Exception:
            log.exception("row_not_shown", id=row.id)
            text = UNSHOWN
        return rows.frames(text)

    return frames


def _renderer(template: str, fields: frozenset[str]) -> Callable[[Written], str]:
    parts = list(parse(template, fields))
    form = "".join(literal.replace("%", "%%") + ("%s" if field else "") for literal, field in parts)
    values = [_VALUES[field] for _, field in parts if field]

    def render(row: Written) -> str:
        return form % tuple([value(row) for value in values])

    return render
