"""Settings that staff change while the board runs: kept in the database, above the file and all else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Unpack

import sqlalchemy as sa
from pydantic import ValidationError

from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.settings import FIELDS, PRESETS, RUNTIME, Settings, expected
from bbs_core.store.staff_models import Act, ActText, Setting
from bbs_core.wording import checked_reason

PRESET = "server.preset"
ARCHIVED_THROUGH = "board.archived_through"


def read_changes(connection: sa.Connection) -> dict[str, Any]:
    """Return the values that staff have set, by dotted key."""
    rows = connection.execute(sa.select(Setting.key, Setting.value)).all()
    values = {row.key: json.loads(row.value) for row in rows if row.key in RUNTIME}
    return {key: value for key, value in values.items() if value is not None}


def effective(start: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return the settings in force: those that the server was started with, and the changes above them.

    What the start took from its preset gives way to another preset; what differs from it stays. Raises
    pydantic.ValidationError.
    """
    given = _flat(start)
    preset = _flat(Settings.model_validate(_nested(PRESETS[start.server.preset])))
    own = {key: value for key, value in given.items() if value != preset[key] and key != PRESET}
    chosen = changes.get(PRESET, start.server.preset)
    below = PRESETS.get(chosen, {})
    return Settings.model_validate(_nested({**below, **own, PRESET: chosen, **changes}))


def present(connection: sa.Connection, start: Settings) -> Settings:
    """Return the settings in force at this moment. Raises pydantic.ValidationError."""
    return effective(start, read_changes(connection))


def list_settings(connection: sa.Connection, start: Settings) -> list[dict[str, Any]]:
    """Return every setting that can be changed at run time: `key`, `value`, `changed`, `version` and `expected`."""
    versions = {row.key: row.version for row in connection.execute(sa.select(Setting.key, Setting.version))}
    changes = read_changes(connection)
    values = _flat(effective(start, changes))
    return [
        {
            "key": key,
            "value": values[key],
            "changed": key in changes,
            "version": versions.get(key, 0),
            "description": FIELDS[key].description,
        }
        for key in FIELDS
        if key in RUNTIME
    ]


def change(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    start: Settings,
    values: Mapping[str, Any],
    reason: str,
    *,
    versions: Mapping[str, int] | None = None,
    **links: Unpack[Links],
) -> int:
    """Set settings by dotted key; None takes a change back. Returns the act's id, the parent's where there are many.

    Raises InvalidAct, and Conflict where a key in `versions` has been changed since that version.
    """
    reason = checked_reason(reason)
    changes = read_changes(connection)
    _check(start, changes, values)
    for key, version in (versions or {}).items():
        _check_version(connection, key, version)
    if len(values) == 1:
        [(key, value)] = values.items()
        return _set(connection, ledger, actor, key, value, changes.get(key), reason, links)
    parent_id = ledger.write(connection, Entry(actor, "setting.change", "bulk", "", reason, **links))
    for key, value in values.items():
        _set(connection, ledger, actor, key, value, changes.get(key), reason, {"parent_id": parent_id})
    return parent_id


def put_back(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    act: Mapping[Any, Any],
    start: Settings,
    reason: str,
    **links: Unpack[Links],
) -> int:
    """Undo the change of one setting; returns the act's id. Raises Conflict where it was changed again."""
    key, after = act["target_id"], json.loads(act["after"])["value"]
    if read_changes(connection).get(key) != after:
        raise Conflict(f"{key} was changed since: {who_changed(connection, key)}.")
    before = json.loads(act["before"])["value"]
    return change(connection, ledger, actor, start, {key: before}, reason, **links)


def _check(start: Settings, changes: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    if not values:
        raise InvalidAct("Name at least one setting.")
    for key in values:
        if key not in FIELDS:
            raise NotFound(f"There is no setting {key[:60]!r}.")
        if key not in RUNTIME:
            raise InvalidAct(f"{key} cannot be changed while the board runs: it stands in the settings' file.")
    wanted = {key: value for key, value in {**changes, **values}.items() if value is not None}
    try:
        effective(start, wanted)
    except ValidationError as error:
        raise InvalidAct(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    detail = error.errors(include_input=False, include_url=False)[0]
    key = ".".join(map(str, detail["loc"][:2]))
    if detail["type"] == "value_error":
        return f"{key}: {detail['ctx']['error']}."
    return f"{key} must be {expected(key)}."


def _check_version(connection: sa.Connection, key: str, version: int) -> None:
    present = connection.execute(sa.select(Setting.version).where(Setting.key == key)).scalar() or 0
    if present != version:
        raise Conflict(f"{key} was changed meanwhile: {who_changed(connection, key)}.")


def who_changed(connection: sa.Connection, key: str, action: str = "setting.change") -> str:
    """Say who has changed something last, as in "olga was first"."""
    query = (
        sa.select(ActText.text)
        .join(Act, Act.actor == ActText.digest)
        .where(Act.target_kind == action.partition(".")[0], Act.target_id == key, Act.action == action)
        .order_by(Act.id.desc())
        .limit(1)
    )
    return f"{connection.execute(query).scalar() or 'somebody'} was first"


def _set(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    key: str,
    value: Any,
    before: Any,
    reason: str,
    links: Links,
) -> int:
    store_value(connection, key, value)
    values = {"value": before}, {"value": value}
    return ledger.write(connection, Entry(actor, "setting.change", "setting", key, reason, *values, **links))


def store_value(connection: sa.Connection, key: str, value: Any) -> None:
    """Keep a value that was checked, and raise its version."""
    text = json.dumps(value)
    newer = sa.update(Setting).where(Setting.key == key).values(value=text, version=Setting.version + 1)
    if not connection.execute(newer).rowcount:
        connection.execute(sa.insert(Setting).values(key=key, value=text, version=1))


def _flat(settings: Settings) -> dict[str, Any]:
    tables = settings.model_dump()
    return {key: tables[section][name] for key in FIELDS for section, _, name in [key.partition(".")]}


def _nested(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        nested.setdefault(section, {})[name] = value
    return nested
