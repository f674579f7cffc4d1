"""The settings of a plugin as people type them, in a form or on the command line: one field each, from the schema."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bbs_core.errors import InvalidOptions, PluginError

Kind = Literal["choice", "secret", "number", "text", "prose", "lines", "json"]
SCALARS = ("string", "integer", "number")
# The countries of the world fit, and a page of forms stays small.
CHOICES_LIMIT = 300


@dataclass(frozen=True)
class Field:
    """A setting, and its value as it would be typed; a secret is never shown, and nothing typed leaves it as it is.

    Where it is `optional`, nothing typed is None. `choices` are the values that a word stands for.
    """

    name: str
    title: str
    help: str
    kind: Kind
    optional: bool
    choices: Mapping[str, Any]
    value: Any = field(repr=False)
    # What is typed into it is not to be shown again.
    secret: bool = False
    whole: bool = False

    @property
    def typed(self) -> str:
        """The present value, as it would be typed."""
        if self.kind == "secret" or (self.value is None and self.kind != "json"):
            return ""
        if self.kind == "choice":
            return next((word for word, value in self.choices.items() if value == self.value), "")
        if self.kind == "lines":
            return "\n".join(self.value)
        return _json(self.value) if self.kind == "json" else str(self.value)

    def read(self, text: str, separator: str = "\n") -> Any:
        """Return the value that a text is; what is none stays text, and is refused by the model."""
        text = text.replace("\r\n", "\n")
        if self.optional and not text.strip():
            return None
        if self.kind == "choice":
            return self.choices.get(text, text)
        if self.kind == "lines":
            return [line for line in text.split(separator) if line.strip()]
        if self.kind == "json":
            return self._json(text)
        return text if self.kind in ("text", "prose") else self._scalar(text)

    def _scalar(self, text: str) -> Any:
        if self.kind == "number":
            for kind in (int,) if self.whole else (int, float):
                try:
                    return kind(text)
                except ValueError:
                    continue
        return text

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidOptions(f"{self.name}: this is not JSON.", {(self.name,): "This is not JSON."}) from None


def fields_of(schema: Mapping[str, Any], secrets: Collection[str], values: Mapping[str, Any]) -> Iterator[Field]:
    """Yield a field for each setting of a schema, in their order."""
    for name, described in schema.get("properties", {}).items():
        whole = _resolved(described, schema)
        inner, optional = _without_none(whole, schema)
        value = values.get(name, whole.get("default"))
        choices = _choices(inner)
        yield Field(
            name=name,
            title=str(whole.get("title", name)),
            help=str(whole.get("description", "")),
            kind=_secret_kind(inner) if name in secrets else _kind(inner, schema, choices, value),
            optional=optional,
            choices=choices,
            value=value,
            secret=name in secrets,
            whole=inner.get("type") == "integer",
        )


def refuse_many_choices(schema: Mapping[str, Any], place: str) -> None:
    """Raise PluginError for a setting that has more values to choose from than a page has room for."""
    for one in fields_of(schema, (), {}):
        if len(one.choices) > CHOICES_LIMIT:
            raise PluginError(
                f"{one.name} has {len(one.choices):,} choices; a form has room for {CHOICES_LIMIT} ({place})."
            )


def read_all(fields: Iterable[Field], texts: Mapping[str, str | None], separator: str) -> dict[str, Any]:
    """Return what was typed as values, by name; None stays None, and what no field has stays text."""
    known = {one.name: one for one in fields}
    return {
        name: known[name].read(text, separator) if text is not None and name in known else text
        for name, text in texts.items()
    }


def _secret_kind(schema: Mapping[str, Any]) -> Kind:
    return "secret" if schema.get("type") in SCALARS else "json"


def _kind(schema: Mapping[str, Any], whole: Mapping[str, Any], choices: Mapping[str, Any], value: Any) -> Kind:
    kind = schema.get("type")
    if choices:
        return "choice"
    if kind == "string" and _is_typed(str(value)):
        return "prose" if "\n" in str(value) else "text"
    if kind in ("integer", "number"):
        return "number"
    items = schema.get("items")
    of_texts = isinstance(items, dict) and _resolved(items, whole).get("type") == "string"
    return "lines" if kind == "array" and of_texts and _are_lines(value) else "json"


def _are_lines(value: Any) -> bool:
    """Whether each is a line that is not blank, so that what is typed is the same list."""
    if not isinstance(value, list):
        return value is None
    return all(isinstance(one, str) and one.strip() and one.isprintable() for one in value)


def _is_typed(text: str) -> bool:
    """Whether a text has nothing that a field could lose or hide."""
    return all(line.isprintable() for line in text.split("\n"))


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _choices(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "boolean":
        return {"true": True, "false": False}
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    if not isinstance(values, list):
        return {}
    return {value if isinstance(value, str) and value.isprintable() else json.dumps(value): value for value in values}


def _without_none(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    others = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(others) == 1 == len(schema["anyOf"]) - 1:
        return _resolved(others[0], whole), True
    return schema, False


def _resolved(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with what it refers to."""
    while "$ref" in schema:
        own = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**whole["$defs"][schema["$ref"].rpartition("/")[2]], **own}
    return schema
