"""Settings of plugins that staff change while the board runs: checked by the plugin's model, kept as one value each.

A model is a plugin's own code, so it is never asked within a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Unpack

import sqlalchemy as sa
from pydantic import BaseModel

from bbs_core.errors import Conflict, InvalidAct, InvalidOptions, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.public.fields import Field, fields_of
from bbs_core.public.options import MASK, Options, as_json, texts_in
from bbs_core.runtime_settings import store_value, who_changed
from bbs_core.settings import Settings
from bbs_core.store.access import Access
from bbs_core.store.staff_models import Setting
from bbs_core.wording import checked_reason

SETTINGS = "plugin.settings"
PREFIX = "plugin:"
# They are read whole at each change of any setting, and shown on one page.
LIMIT_CHARACTERS = 20_000


class Model(Protocol):
    """A plugin's settings in this process."""

    @property
    def options(self) -> Options: ...
    def checked(self, values: Mapping[str, Any]) -> BaseModel: ...


# How a plugin is found by its name; None where it has no settings, or is not here.
Models = Callable[[str], Model | None]


class Kept(NamedTuple):
    """What staff have set of a plugin; `state` comes back when a change is undone, `version` never does."""

    values: dict[str, Any]
    state: int
    version: int


@dataclass(frozen=True)
class View:
    """The settings of a plugin for everyone's eyes; `changed` are those that staff have set."""

    options: Options = field(repr=False)
    values: dict[str, Any]
    changed: list[str]
    version: int
    # Why what is said would not do; then the values are no more than what is said.
    problem: InvalidOptions | None

    @property
    def fields(self) -> list[Field]:
        """The settings as people type them."""
        return list(fields_of(self.options.schema, self.options.secrets, self.values))


def no_settings(plugin: str) -> NotFound:
    """Return what is to be said of a plugin that has no settings, or is not at work in this process."""
    return NotFound(f"There is no plugin {plugin[:60]!r} with settings at work here.")


def read_chosen(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """Return what staff have set, by plugin."""
    query = sa.select(Setting.key, Setting.value).where(Setting.key.startswith(PREFIX, autoescape=True))
    rows = connection.execute(query).all()
    return {row.key.removeprefix(PREFIX): json.loads(row.value)["values"] for row in rows}


def view(access: Access, start: Settings, models: Models, plugin: str) -> View | None:
    """Return the settings of a plugin, None where it has none in this process."""
    model = models(plugin)
    if model is None:
        return None
    kept = access.read(lambda connection: _kept(connection, plugin))
    now = _Now(model, start, plugin, kept)
    return View(model.options, now.shown, sorted(kept.values), kept.version, now.problem)


def change(
    access: Access,
    ledger: Ledger,
    actor: Actor,
    start: Settings,
    models: Models,
    plugin: str,
    values: Mapping[str, Any],
    reason: str,
    version: int | None = None,
) -> int:
    """Set settings of a plugin; None takes a change back, and the mask of a secret leaves it. Returns the act's id.

    Call it off the loop. Raises NotFound, InvalidOptions, and Conflict where they are so already, or are no more as
    they were in `version`.
    """
    reason, model = checked_reason(reason), models(plugin)
    if model is None:
        raise no_settings(plugin)
    if not values:
        raise InvalidAct("Name at least one setting.")
    kept = access.read(lambda connection: _seen(connection, plugin, version))
    change = _change(plugin, kept, _Now(model, start, plugin, kept), values)
    return access.write(lambda connection: _store(connection, ledger, actor, plugin, change, reason, kept.version))


def put_back(
    connection: sa.Connection, ledger: Ledger, actor: Actor, act: Mapping[Any, Any], reason: str, **links: Unpack[Links]
) -> int:
    """Undo a change; returns the act's id. Raises Conflict where there was another since, InvalidAct for a secret.

    What comes back was checked when it was in force, so no plugin's code is asked.
    """
    plugin, before, after = act["target_id"], json.loads(act["before"]), json.loads(act["after"])
    if is_secret(after):
        raise InvalidAct(f"This change of {plugin} cannot be undone: the ledger does not hold secrets.")
    kept = _kept(connection, plugin)
    if kept.state != after["state"]:
        raise Conflict(f"The settings of {plugin} were changed since: {who_changed(connection, plugin, SETTINGS)}.")
    change = _Change(_set({**kept.values, **before["values"]}), after, before)
    return _store(connection, ledger, actor, plugin, change, reason, kept.version, **links)


def is_secret(after: Mapping[str, Any]) -> bool:
    """Whether an act on settings, of which this is the `after`, touched a secret."""
    return "secret" in after


class _Now:
    """The settings of a plugin as they are said to be, in force or not."""

    def __init__(self, model: Model, start: Settings, plugin: str, kept: Kept) -> None:
        self.model = model
        self.options = model.options
        self._given = start.plugins.options.get(plugin, {})
        said = self.said(kept.values)
        self.problem: InvalidOptions | None = None
        try:
            settings = model.checked(said)
        except InvalidOptions as error:
            self.problem = error
            self.shown, self.revealed = self.options.masked(said), said
        else:
            self.shown, self.revealed = self.options.shown(settings), self.options.revealed(settings)

    def said(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        return self.options.together(self._given, chosen)


@dataclass(frozen=True)
class _Change:
    """What is to be kept, and what the ledger is to say."""

    values: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]


def _change(plugin: str, kept: Kept, now: _Now, asked: Mapping[str, Any]) -> _Change:
    """Check what is asked for, and return the change. Raises InvalidOptions and Conflict."""
    wanted = {key: _restored(one, now.shown.get(key), now.revealed.get(key)) for key, one in asked.items()}
    new = {key: one for key, one in wanted.items() if not _is_so(key, one, kept, now)}
    if not new:
        raise Conflict(f"The settings of {plugin} are so already.")
    _refuse_masks(now.options, new)
    values = _set({**kept.values, **new})
    if len(as_json(values)) > LIMIT_CHARACTERS:
        raise InvalidOptions(f"The settings of a plugin have at most {LIMIT_CHARACTERS:,} characters.")
    # Also what the model does not know, so that it is refused.
    settings = now.model.checked({**now.said(values), **_set(new)})
    shown, revealed = now.options.shown(settings), now.options.revealed(settings)
    hidden = {key for key in new if _hides(now.options, key, now.shown, now.revealed, shown, revealed)}
    before = {key: _told(key, kept.values, now.shown, hidden) for key in new}
    after = {key: _told(key, values, shown, hidden) for key in new}
    secret = {"secret": True} if hidden else {}
    state = kept.version + 1
    return _Change(values, {"values": before, "state": kept.state}, {"values": after, "state": state, **secret})


def _restored(asked: Any, shown: Any, revealed: Any) -> Any:
    """Put secrets back in the place of their masks."""
    if asked == shown:
        return revealed
    if isinstance(asked, dict) and isinstance(shown, dict) and isinstance(revealed, dict):
        return {key: _restored(one, shown.get(key), revealed.get(key)) for key, one in asked.items()}
    return asked


def _is_so(key: str, wanted: Any, kept: Kept, now: _Now) -> bool:
    if wanted is None:
        return key not in kept.values
    return key in now.revealed and as_json(wanted) == as_json(now.revealed[key])


def _refuse_masks(options: Options, values: Mapping[str, Any]) -> None:
    """A mask that none of the secrets before has would be taken for the secret itself."""
    for key in options.secrets & values.keys():
        if MASK in texts_in(values[key]):
            raise InvalidOptions(f"{key}: write the secret itself.", {(key,): "Write the secret itself."})


def _hides(options: Options, key: str, *pairs: Mapping[str, Any]) -> bool:
    """Whether there may be a secret in a setting, before a change or after it."""
    shown_before, revealed_before, shown, revealed = (one.get(key) for one in pairs)
    known = key in options.model.model_fields
    return not known or key in options.secrets or shown_before != revealed_before or shown != revealed


def _told(key: str, values: Mapping[str, Any], shown: Mapping[str, Any], hidden: set[str]) -> Any:
    """Return what the ledger says of a setting: what staff have set, or what everyone may see of that."""
    if key not in values:
        return None
    return shown.get(key, MASK) if key in hidden else values[key]


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    """None means that staff say nothing."""
    return {key: value for key, value in values.items() if value is not None}


def _kept(connection: sa.Connection, plugin: str) -> Kept:
    query = sa.select(Setting.value, Setting.version).where(Setting.key == PREFIX + plugin)
    row = connection.execute(query).one_or_none()
    return Kept(version=row.version, **json.loads(row.value)) if row else Kept({}, 0, 0)


def _seen(connection: sa.Connection, plugin: str, version: int | None) -> Kept:
    kept = _kept(connection, plugin)
    if version is not None and kept.version != version:
        raise Conflict(f"The settings of {plugin} were changed meanwhile: {who_changed(connection, plugin, SETTINGS)}.")
    return kept


def _store(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    plugin: str,
    change: _Change,
    reason: str,
    version: int,
    **links: Unpack[Links],
) -> int:
    _seen(connection, plugin, version)
    store_value(connection, PREFIX + plugin, {"values": change.values, "state": change.after["state"]})
    entry = Entry(actor, SETTINGS, "plugin", plugin, reason, change.before, change.after, **links)
    return ledger.write(connection, entry)
