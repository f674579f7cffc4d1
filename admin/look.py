"""What all templates may use: times and texts as people should see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask

from bbs_core.rows import visible

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def install(app: Flask) -> None:
    """Give an application's templates their filters."""
    app.jinja_env.filters.update(count_of=count_of, iso=iso, minute=minute, visible=visible)
    app.jinja_env.globals["changes"] = changes
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def moment(at_ms: int) -> datetime:
    """Return a kept time as a time in UTC."""
    return EPOCH + timedelta(milliseconds=at_ms)


def moment_or_none(at_ms: int | None) -> datetime | None:
    """Return a kept time, or None where there is none."""
    return None if at_ms is None else moment(at_ms)


def minute(at: int | datetime) -> str:
    """Return a time, kept or not, as people read it."""
    return f"{_as_moment(at):%Y-%m-%d %H:%M} UTC"


def iso(at: int | datetime) -> str:
    """Return a time, kept or not, as programs read it."""
    return _as_moment(at).isoformat()


def _as_moment(at: int | datetime) -> datetime:
    return at if isinstance(at, datetime) else moment(at)


def count_of(number: int, noun: str) -> str:
    """Return a number of things as people say it."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what an act changed, as people say it; what was nothing and stays it is left out."""
    values = [(key, before.get(key), after.get(key)) for key in {**before, **after}]
    return [f"{key}: {_change(old, new)}" for key, old, new in values if (old, new) != (None, None)]


def _change(old: Any, new: Any) -> str:
    return _value(new) if old is None else f"{_value(old)} → {_value(new)}"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
