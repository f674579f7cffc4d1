"""What each act by name is given, as models: whoever calls it is in another process."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bbs_core.settings import LARGEST_ID
from bbs_core.tokens import EXPIRES_DAYS

RowNumber = Field(ge=1, le=LARGEST_ID)


class Arguments(BaseModel):
    """What all acts' arguments share: nothing is converted, nothing unknown passed over, no value repeated."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class StaffAdd(Arguments):
    """Let someone enter the console."""

    name: str
    role: str
    password: str = Field(repr=False)


class StaffMember(Arguments):
    """Whom an act on the staff concerns."""

    name: str
    reason: str = ""


class StaffRole(Arguments):
    """Give someone another role."""

    name: str
    role: str
    reason: str = ""


class StaffPassword(Arguments):
    """Set someone's password anew."""

    name: str
    password: str = Field(repr=False)


class TokenCreate(Arguments):
    """Make a bearer token for the REST API."""

    staff: str
    name: str
    scopes: list[str]
    expires_days: int = EXPIRES_DAYS


class TokenRevoke(Arguments):
    """Refuse a token from now on."""

    id: int = RowNumber


class SanctionAdd(Arguments):
    """Ban or mute a name, an address or a network."""

    measure: Literal["ban", "mute"]
    kind: str
    value: str
    reason: str
    note: str = ""
    expires_in_s: int | None = None
    hide_posts: bool = False
    force: bool = False


class UserNamed(Arguments):
    """The user whom an export concerns."""

    name: str


class UserErase(UserNamed):
    """Erase a user, though a plugin fails at it where `force` says so."""

    reason: str
    force: bool = False


class Numbered(Arguments):
    """A row that an act concerns, and why."""

    id: int = RowNumber
    reason: str


class SanctionLift(Numbered):
    """End a ban or a mute."""

    measure: Literal["ban", "mute"]


class Named(Arguments):
    """A plugin or user that an act concerns, and why."""

    name: str
    reason: str


class PluginNamed(Arguments):
    """The plugin whose settings are wanted."""

    name: str


class PluginSettings(Named):
    """Set a plugin's settings, as they are typed; None takes a change back."""

    values: dict[str, str | None]


class PluginRun(Arguments):
    """Have a plugin of the running server do what one of its verbs does."""

    plugin: str
    verb: str
    text: str = ""


class PluginExplain(Arguments):
    """Say which rule decides whether a user may use a command."""

    user: str
    command: str
    address: str = ""
