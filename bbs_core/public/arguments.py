"""A command's parameters, read from its signature: how words become values, and what is told of them."""

from __future__ import annotations

import inspect
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property, partial
from typing import Annotated, Any, NamedTuple, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, TypeAdapter, ValidationError, create_model

from bbs_core.errors import PluginError, UserError
from bbs_core.public.lines import User

# What every function of a plugin may ask for by its name, whatever it is called for.
OWN = ("server", "settings", "storage")
# What the board gives a command beside what was typed.
GIVEN = ("session", *OWN)
# A word, or several within quotes.
WORDS = re.compile(r'"([^"]*)"(?!\S)|\S+')
SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
# Years at the most, so that no sum is too long.
DURATION = re.compile(r"(\d{1,6}[wdhms]){1,5}")
# With its sign it fits any database: a user who types more is no reason to set a plugin aside.
INTEGER_BITS = 63
_CONFIG = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)


class RestOfLine:
    """Marks the parameter that takes all that is left, as it was typed."""


Rest = Annotated[str, RestOfLine()]


def duration(text: str) -> timedelta:
    """Return the time that is written as 90s, 10m or 1h30m. Raises ValueError."""
    if not DURATION.fullmatch(text):
        raise ValueError("it is written as 90s, 10m or 1h30m")
    parts = re.findall(r"(\d+)([wdhms])", text)
    return timedelta(seconds=sum(int(number) * SECONDS[unit] for number, unit in parts))


# How an author's own type is made of a word: `Annotated[Card, Convert(card_of)]`; ValueError says what is wrong.
Convert = partial(PlainValidator, json_schema_input_type=str)
Duration = Annotated[timedelta, BeforeValidator(duration, json_schema_input_type=str)]


class _Parameter(NamedTuple):
    name: str
    annotation: Any
    default: Any
    many: bool
    rest: bool

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty and not self.many

    @property
    def usage(self) -> str:
        name = f"{self.name}…" if self.many or self.rest else self.name
        return f"<{name}>" if self.required else f"[{name}]"


class Form:
    """What may be typed after a command's word; made once, when the plugin is loaded.

    Raises PluginError for a signature that no line of text can fill.
    """

    def __init__(self, word: str, function: Callable[..., Any]) -> None:
        self.word = word
        self._signature = signature = inspect.signature(function)
        self.takes = own_names(signature)
        hints = get_type_hints(function, include_extras=True)
        found = [one for name, one in signature.parameters.items() if name not in GIVEN]
        self._parameters = [_parameter(one, hints.get(one.name)) for one in found]
        self._check()
        self._adapters = {one.name: _adapter(one) for one in self._parameters}
        self.users = [one.name for one in self._parameters if one.annotation is User]

    @property
    def usage(self) -> str:
        """The word with its parameters, as in `/roll [sides]`."""
        return " ".join([self.word, *(one.usage for one in self._parameters)])

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The parameters as a JSON schema (draft 2020-12)."""
        fields: dict[str, Any] = {one.name: _field(one) for one in self._parameters}
        model: type[BaseModel] = create_model(self.word.lstrip("/"), __config__=_CONFIG, **fields)
        return model.model_json_schema()

    def words(self, text: str) -> dict[str, Any]:
        """Return the words of each parameter that were typed. Raises UserError where some are missing or too many."""
        found: dict[str, Any] = {}
        place = 0
        for one in self._parameters:
            left = text[place:].strip()
            if one.rest and left:
                found[one.name], place = left, len(text)
            elif one.many and left:
                found[one.name], place = [_word(match) for match in WORDS.finditer(text, place)], len(text)
            elif match := WORDS.search(text, place):
                found[one.name], place = _word(match), match.end()
            elif one.required:
                raise UserError(f"Usage: {self.usage}")
        if text[place:].strip():
            raise UserError(f"Usage: {self.usage}")
        return found

    def call(self, function: Callable[..., Any], given: Mapping[str, Any], words: Mapping[str, Any]) -> Any:
        """Call the command with what the board gives it, and with these words as its values.

        Raises UserError with the usage for what does not fit.
        """
        values = {**{name: self._value(name, typed) for name, typed in words.items()}, **given}
        # In the order of the signature, so that those before `*names` are taken by their place.
        bound = OrderedDict((name, values[name]) for name in self._signature.parameters if name in values)
        arguments = inspect.BoundArguments(self._signature, bound)
        return function(*arguments.args, **arguments.kwargs)

    def _value(self, name: str, given: Any) -> Any:
        if isinstance(given, list):
            return tuple(self._value(name, one) for one in given)
        if isinstance(given, User):
            return given
        try:
            value = self._adapters[name].validate_strings(given)
        except ValidationError as error:
            raise UserError(f"Usage: {self.usage} ({name}: {_why(error)})") from None
        if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
            raise UserError(f"Usage: {self.usage} ({name}: this number is too large)")
        return value

    def _check(self) -> None:
        for one in self._parameters[:-1]:
            if one.many or one.rest:
                raise PluginError(f"{self.word}: {one.name} takes the rest of the line, so nothing can stand behind it")
        optional = False
        for one in self._parameters:
            if one.required and optional:
                raise PluginError(f"{self.word}: {one.name} needs a default, as the one before it has one")
            optional = optional or not one.required


def own_names(signature: inspect.Signature) -> tuple[str, ...]:
    """Return what of its plugin a function asks for."""
    return tuple(name for name in OWN if name in signature.parameters)


def _parameter(found: inspect.Parameter, hint: Any) -> _Parameter:
    if found.kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
        raise PluginError(f"Words are taken by their place: the parameter {found.name} has none")
    annotation = Rest if hint is None else User if hint == User | None else hint
    rest = any(isinstance(mark, RestOfLine) for mark in getattr(annotation, "__metadata__", ()))
    many = found.kind is inspect.Parameter.VAR_POSITIONAL
    return _Parameter(found.name, str if many and rest else annotation, found.default, many, rest and not many)


def _adapter(one: _Parameter) -> TypeAdapter[Any]:
    if one.annotation is User:
        return TypeAdapter(str)
    try:
        adapter = TypeAdapter(one.annotation, config=_CONFIG)
        adapter.json_schema()
    except Exception as error:
        raise PluginError(f"{one.name} is of a type that no word can be: say how with Annotated and Convert") from error
    return adapter


def _field(one: _Parameter) -> tuple[Any, Any]:
    annotation: Any = str if one.annotation is User else one.annotation
    if one.many:
        return list[annotation], []
    return annotation, ... if one.required else one.default


def _word(match: re.Match[str]) -> str:
    return match[0] if match[1] is None else match[1]


def _why(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return detail["msg"].replace("Input should", "it should").partition(", unable")[0]
