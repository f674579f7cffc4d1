"""Settings that can be changed while the board runs, with a preview of the rows before they are saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from admin import scopes
from admin.context import board
from admin.ids import number
from admin.pages.routing import actor, back, pages, reason
from admin.previews import Preview, preview
from bbs_core.errors import ActError
from bbs_core.plugin_switches import DISABLED, ENABLED
from bbs_core.rows import visible
from bbs_core.runtime_settings import change, effective, list_settings, read_changes
from bbs_core.settings import FIELDS, choices
from bbs_core.staff import Scope

# These have pages of their own.
ELSEWHERE = frozenset({DISABLED, ENABLED, "board.mode", "board.mode_ends_at_ms", "board.archived_through"})
EXAMPLES = {
    "plugins.groups": '{"teachers": ["alice", "10.0.0.0/24"]}',
    "plugins.access": '{"/roll": "teachers"}',
    "plugins.rates": '{"/roll": "5/m"}',
}


@pages.get("/settings")
@scopes.needs(Scope.SETTINGS_WRITE)
def settings() -> ResponseReturnValue:
    """Show the settings."""
    return _form({})


@pages.post("/settings/preview")
@scopes.needs(Scope.SETTINGS_WRITE)
def preview_settings() -> ResponseReturnValue:
    """Show what rows would look like, and change nothing."""
    return _form(request.form)


@pages.post("/settings")
@scopes.needs(Scope.SETTINGS_WRITE)
def change_settings() -> ResponseReturnValue:
    """Change what differs from what the form began with."""
    console, who, why = board(), actor(), reason()
    present = {one["key"]: one for one in _listed()}
    values = _typed(request.form, present)
    versions = {key: number(request.form.get(f"version:{key}", "")) for key in values}
    try:
        if values:
            console.access.write(
                lambda c: change(c, console.ledger, who, console.start, values, why, versions=versions)
            )
    except ActError as error:
        return _form(request.form, str(error)), 422
    flash("The settings are in force." if values else "Nothing was changed.", "success")
    return back("pages.settings")


def _form(given: Mapping[str, str], problem: str = "") -> str:
    listed = _listed()
    present = {one["key"]: one for one in listed}
    values = _typed(given, present)
    shown, wrong = _preview(values)
    return render_template(
        "settings.html",
        settings=[{**one, "value": _text(values.get(one["key"], one["value"]))} for one in listed],
        fields=FIELDS,
        choices=choices,
        examples=EXAMPLES,
        preview=shown,
        problem=problem or wrong,
        given=given,
    )


def _listed() -> list[dict[str, Any]]:
    start = board().start
    found = board().access.read(lambda connection: list_settings(connection, start))
    return [one for one in found if one["key"] not in ELSEWHERE]


def _typed(given: Mapping[str, str], present: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values that differ from those in force, as their settings want them."""
    typed = {key: _value(given[key], one["value"]) for key, one in present.items() if key in given}
    return {key: value for key, value in typed.items() if _text(value) != _text(present[key]["value"])}


def _value(text: str, present: Any) -> Any:
    """What cannot be such a value stays text, and is refused with the sentence of its setting."""
    if isinstance(present, bool):
        return {"true": True, "false": False}.get(text, text)
    if isinstance(present, (int, float)):
        try:
            return type(present)(text[:40])
        except ValueError:
            return text
    if isinstance(present, dict):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text.replace("\r\n", " ")
    return text


def _text(value: Any) -> str:
    """Return a value as its field shows it; a table is JSON."""
    if isinstance(value, dict):
        return visible(json.dumps(value, ensure_ascii=False))
    return str(value).lower() if isinstance(value, bool) else visible(str(value))


def _preview(values: Mapping[str, Any]) -> tuple[Preview | None, str]:
    start = board().start
    changes = board().access.read(read_changes)
    try:
        return preview(effective(start, {**changes, **values}).board), ""
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        return None, f"{'.'.join(map(str, detail['loc'][:2]))}: {detail['msg'].removeprefix('Value error, ')}"
