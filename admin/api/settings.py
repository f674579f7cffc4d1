"""Settings that can be changed while the board runs."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from admin.api.answers import act, read
from admin.api.routing import actor, route
from admin.context import board
from admin.schemas import Listing, Reason
from bbs_core.runtime_settings import change, list_settings
from bbs_core.staff import Scope
from bbs_core.store.access import Connection

KEYS_LIMIT = 50


class Setting(BaseModel):
    """A setting and its value in force."""

    key: str
    value: Any
    changed: bool = Field(description="Staff have set it; it stands above the file.")
    version: int = Field(description="Send it back with a change, so that nobody's change is lost.")
    description: str | None


class SettingPage(Listing[Setting]):
    """All settings that can be changed; there is no next page."""


class SettingChange(Reason):
    """Values by key; null takes a change back."""

    values: dict[str, Any] = Field(min_length=1, max_length=KEYS_LIMIT)
    versions: dict[str, int] = Field(default={}, max_length=KEYS_LIMIT, description="The versions that were seen.")


class SettingDone(SettingPage):
    """The settings after a change."""

    act_id: int


@route("GET", "/settings", Scope.STATS_READ, SettingPage)
def settings() -> Response:
    """List the settings."""
    start = board().start
    return read(lambda connection: SettingPage(items=_settings(connection, start), next=None))


@route("PATCH", "/settings", Scope.SETTINGS_WRITE, SettingDone)
def change_settings(body: SettingChange) -> Response:
    """Change settings, all or none; the board takes them over within two seconds."""
    who, console = actor(), board()

    def done(connection: Connection) -> SettingDone:
        act_id = change(
            connection, console.ledger, who, console.start, body.values, body.reason, versions=body.versions
        )
        return SettingDone(items=_settings(connection, console.start), next=None, act_id=act_id)

    return act(done)


def _settings(connection: Connection, start: Any) -> list[Setting]:
    return [Setting(**one) for one in list_settings(connection, start)]
