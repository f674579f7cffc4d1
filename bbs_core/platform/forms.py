"""The form of an action: fields from the parameters of its function, and from what is typed back to their values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from bbs_core.errors import InvalidOptions, PluginError
from bbs_core.public.arguments import OWN, SECONDS, Duration, Rest
from bbs_core.public.fields import Field, fields_of, refuse_many_choices
from bbs_core.public.lines import User
from bbs_core.public.options import Options
from bbs_core.rows import encodable

# What an action is given beside what was typed.
GIVEN = ("staff", *OWN)
NEEDED = "It needs a value."
# Of pydantic, whose models the fields are.
RESERVED = ("_", "model_")
_CONFIG = ConfigDict(
    arbitrary_types_allowed=True,
    allow_inf_nan=False,
    field_title_generator=lambda name, _info: name.replace("_", " ").strip().capitalize(),
)


@dataclass(frozen=True)
class Filled:
    """What was typed as the values of parameters; `told` is the same for everyone's eyes, `problems` are by field."""

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    told: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


class ActionForm:
    """The fields of one action; made once, when its plugin is loaded. Raises PluginError."""

    def __init__(self, plugin: str, function: Callable[..., Any], place: str) -> None:
        found = inspect.signature(function).parameters
        hints = get_type_hints(function, include_extras=True)
        self._parameters = {name: one for name, one in found.items() if name not in GIVEN}
        self._types = {name: hints.get(name, Rest) for name in self._parameters}
        for one in self._parameters.values():
            if one.name.startswith(RESERVED):
                raise PluginError(f"The name of a field does not begin with _ or model_, as {one.name} does ({place}).")
            if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY):
                raise PluginError(f"The fields of an action have names, and {one} has none ({place}).")
        self._options = self._made(plugin, place)
        refuse_many_choices(self._options.schema, place)

    @property
    def names(self) -> list[str]:
        """The names of the fields."""
        return list(self._parameters)

    def fields(self, values: Mapping[str, Any]) -> list[Field]:
        """Return the fields with these values, given as JSON, and the defaults of the others."""
        spelled = {name: spell(one.default) for name, one in self._parameters.items() if self._is_duration(name)}
        known = {**{name: text for name, text in spelled.items() if text}, **values}
        return [self._prose(one) for one in fields_of(self._options.schema, self._options.secrets, known)]

    def read(self, texts: Mapping[str, str]) -> Filled:
        """Return what was typed as values; code of the plugin's own types runs."""
        values, problems = {}, {}
        for one in self.fields({}):
            text = encodable(texts.get(one.name, "")).replace("\0", "\u2400")
            if not text.strip() and self._is_left_out(one, texts):
                continue
            try:
                values[one.name] = one.read(text)
            except InvalidOptions as error:
                problems[one.name] = error.problems[(one.name,)]
        return Filled(problems=problems) if problems else self._filled(values)

    def _filled(self, values: Mapping[str, Any]) -> Filled:
        try:
            made = self._options.read(values)
        except InvalidOptions as error:
            problems = {str(path[0]): what for path, what in error.problems.items() if path}
            return Filled(problems=problems or {"": str(error)})
        return Filled({name: getattr(made, name) for name in self._parameters}, self._options.shown(made))

    @property
    def users(self) -> list[str]:
        """The fields that are the names of users."""
        return [name for name, annotation in self._types.items() if annotation is User]

    def _made(self, plugin: str, place: str) -> Options:
        model = self._model(place)
        try:
            return Options(plugin, model, place)
        except PluginError:
            why = "A field is of a type that nothing typed can be: say how with Annotated and Convert"
            raise PluginError(f"{why} ({place}).") from None

    def _model(self, place: str) -> type[BaseModel]:
        fields: dict[str, Any] = {
            name: (str if self._types[name] is User else self._types[name], ... if _needed(one) else one.default)
            for name, one in self._parameters.items()
        }
        try:
            made: type[BaseModel] = create_model("Fields", __config__=_CONFIG, **fields)
        except Exception as error:  # noqa: BLE001 - the annotations are the plugin's
            raise PluginError(f"Its parameters can be no fields: {error} ({place}).") from None
        return made

    def _is_left_out(self, one: Field, texts: Mapping[str, str]) -> bool:
        return one.name not in texts or one.kind == "number" or _needed(self._parameters[one.name])

    def _is_duration(self, name: str) -> bool:
        return bool(self._types[name] == Duration)

    def _prose(self, one: Field) -> Field:
        return replace(one, kind="prose") if one.kind == "text" and self._types[one.name] == Rest else one


def spell(time: Any) -> str:
    """Return a time as `Duration` is typed, such as 1h30m; nothing for what is none."""
    if type(time) is not timedelta:
        return ""
    left, text = int(time.total_seconds()), ""
    for letter, seconds in SECONDS.items():
        count, left = divmod(left, seconds)
        text += f"{count}{letter}" if count > 0 else ""
    return text or "0s"


def _needed(one: inspect.Parameter) -> bool:
    return one.default is inspect.Parameter.empty
