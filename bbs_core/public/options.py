"""The settings of a plugin: a pydantic model of its own, and how its values are checked, shown and described."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Secret, SecretBytes, SecretStr, ValidationError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ErrorDetails, to_jsonable_python

from bbs_core.errors import InvalidOptions, PluginError
from bbs_core.rows import visible

# What stands in the place of a secret, as in pydantic itself.
MASK = "**********"
SECRETS = (SecretStr, SecretBytes, Secret)
# A deeper value is no setting, and would exhaust the stack of whoever shows it.
DEEPEST = 20
PROBLEMS_LIMIT = 20
# One or two letters are no secret, and stand in almost every sentence.
SHORTEST_SECRET = 3
PATH_CHARACTERS = 60

Path = tuple[int | str, ...]


class _Schema(GenerateJsonSchema):
    """A schema whose defaults are as the settings are shown, whatever serializers the model has."""

    def encode_default(self, dft: Any) -> Any:
        """Return a default as JSON."""
        return _plain(dft)


class Options:
    """The model that a plugin has marked with `@settings`; `place` is where it stands.

    Raises PluginError for a model that has no JSON schema.
    """

    def __init__(self, plugin: str, model: type[BaseModel], place: str) -> None:
        self._plugin = plugin
        self._place = place
        self.model = model
        try:
            self.schema: dict[str, Any] = model.model_json_schema(by_alias=False, schema_generator=_Schema)
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            raise PluginError(f"Its settings have no JSON schema: {type(error).__name__} ({place}).") from None
        fields = model.model_fields.items()
        self.secrets = frozenset(name for name, field in fields if _bears_secret(field.annotation, set()))
        defined = self.schema.get("$defs", {}).values()
        self._keys = {key for one in (self.schema, *defined) for key in one.get("properties", {})}

    def together(self, given: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the file says, and above it what staff have set; of that only what the model still knows."""
        return {**given, **{key: value for key, value in chosen.items() if key in self.model.model_fields}}

    def read(self, values: Mapping[str, Any]) -> BaseModel:
        """Return the settings that these values make. Raises InvalidOptions, whatever the model's code raises."""
        try:
            made = self.model.model_validate(copy.deepcopy(dict(values)), extra="forbid", by_alias=False, by_name=True)
            _plain(made)
        except ValidationError as error:
            raise self._refusal(error, values) from None
        except RecursionError:
            raise InvalidOptions(f"The settings of {self._plugin} are too deep.") from None
        except BaseException as error:  # noqa: BLE001 - a model's own code may raise anything
            # Not its words, which may hold a value.
            why = f"The settings of {self._plugin} fail at these values: {type(error).__name__} ({self._place})."
            raise InvalidOptions(why) from None
        return made

    def shown(self, settings: BaseModel) -> dict[str, Any]:
        """Return settings fit for JSON and for everyone's eyes."""
        return {name: _plain(getattr(settings, name)) for name in self.model.model_fields}

    def revealed(self, settings: BaseModel) -> dict[str, Any]:
        """Return settings fit for JSON, secrets and all."""
        return {name: _plain(getattr(settings, name), reveal=True) for name in self.model.model_fields}

    def masked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values that make no settings, as far as everyone may see them."""
        known = {key: value for key, value in values.items() if key in self.model.model_fields}
        return {key: MASK if key in self.secrets else json.loads(as_json(value)) for key, value in known.items()}

    def _refusal(self, error: ValidationError, values: Mapping[str, Any]) -> InvalidOptions:
        hidden = {text for name in self.secrets for text in texts_in(values.get(name)) if len(text) >= SHORTEST_SECRET}
        details = error.errors(include_url=False, include_input=False, include_context=False)[:PROBLEMS_LIMIT]
        problems = {detail["loc"]: _without(hidden, self._what(detail)) for detail in details}
        missing = {detail["loc"] for detail in details if detail["type"] == "missing"}
        sentences = [self._sentence(path, what, path in missing) for path, what in problems.items()]
        return InvalidOptions(" ".join(sentences), problems)

    def _what(self, detail: ErrorDetails) -> str:
        if detail["type"] == "missing":
            return "It needs a value."
        if detail["type"] == "extra_forbidden":
            near = get_close_matches(str(detail["loc"][-1]), self._keys, n=1)
            return f"There is no such setting ({self._place}).{f' Did you mean {near[0]}?' if near else ''}"
        what = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return what if what.endswith(".") else f"{what}."

    def _sentence(self, path: Path, what: str, missing: bool) -> str:
        where = visible(".".join(map(str, (self._plugin, *path)))[:PATH_CHARACTERS])
        return f"It needs a value for {where}." if missing else f"{where}: {what}"


def as_json(value: Any) -> str:
    """Return a value as JSON, by which two are the same; those of a file may be dates."""
    return json.dumps(value, default=str, sort_keys=True)


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text within a value as JSON has it; numbers as texts."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from texts_in(one)
    elif value is not None:
        yield str(value)


def _without(hidden: Collection[str], what: str) -> str:
    """The words of a model's own validator may repeat what it was given."""
    for text in sorted(hidden, key=len, reverse=True):
        what = what.replace(text, MASK)
    return what


def _plain(value: Any, reveal: bool = False, depth: int = 0) -> Any:
    """Return a value fit for JSON, with its secrets or a mask for each that is not empty."""
    if depth > DEEPEST:
        raise RecursionError

    def deeper(part: Any) -> Any:
        return _plain(part, reveal, depth + 1)

    match value:
        case SecretStr() | SecretBytes() | Secret():
            inner = deeper(value.get_secret_value())
            return inner if reveal or inner == "" else MASK
        case BaseModel():
            return {name: deeper(getattr(value, name)) for name in type(value).model_fields}
        case Mapping():
            return {str(to_jsonable_python(key)): deeper(one) for key, one in value.items()}
        case list() | tuple() | deque():
            return [deeper(one) for one in value]
        case set() | frozenset():
            # In an order that is the same the next time.
            return sorted((deeper(one) for one in value), key=repr)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: deeper(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return to_jsonable_python(value, fallback=lambda one: type(one).__name__)


def _bears_secret(annotation: Any, seen: set[Any]) -> bool:
    """Whether a value of this type may have a secret in it; a type that cannot be looked into may."""
    annotation = getattr(annotation, "__value__", annotation)
    if (get_origin(annotation) or annotation) in SECRETS:
        return True
    if not isinstance(annotation, type) or get_origin(annotation) is not None:
        return any(_bears_secret(one, seen) for one in get_args(annotation))
    if annotation in seen:
        return False
    seen.add(annotation)
    try:
        return issubclass(annotation, SECRETS) or any(_bears_secret(one, seen) for one in _parts(annotation))
    except Exception:  # noqa: BLE001 - the annotations are the plugin's
        return True


def _parts(kind: type) -> list[Any]:
    if issubclass(kind, BaseModel):
        return [field.annotation for field in kind.model_fields.values()]
    return list(get_type_hints(kind).values())
