"""The settings in force: defaults < preset < file < environment < command line, and where each value came from."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bbs_core.errors import ConfigError
from bbs_core.settings import FIELDS, PRESETS, SECTIONS, Settings, expected

FILE_VARIABLE = "BBS_CONFIG"
VARIABLES: Mapping[str, str] = {f"BBS_{key.replace('.', '_')}".upper(): key for key in FIELDS}
# Variables that are ours and name no setting; any other BBS_ variable is taken for a misspelt one.
OTHER_VARIABLES = frozenset({FILE_VARIABLE})
SHOWN_CHARACTERS = 60
DATABASE = "server.database"
# Which of them are secret is known to the plugins alone.
OPTIONS = "plugins.options"
MASK = "***"

KeyPath = tuple[str, ...]

_toml_place = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_url_password = re.compile(r"(://[^:]*):.*@", re.DOTALL)
_query_password = re.compile(r"(password=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True)
class Loaded:
    """The settings in force; `origins` says of each key, as in "limits.connections", where its value came from.

    `file` is the TOML file that was read, if there was one.
    """

    settings: Settings
    origins: dict[str, str]
    file: Path | None


@dataclass(frozen=True)
class Layer:
    """The values that one source gives, by section and key, and the origin of each path in them."""

    values: dict[str, Any]
    origins: dict[KeyPath, str]

    def origin(self, path: KeyPath) -> str:
        """Return the origin of `path`, or of the nearest path above it."""
        while path not in self.origins:
            path = path[:-1]
        return self.origins[path]


def load(
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """Return the settings in force, or raise ConfigError with one sentence about the first mistake.

    `file` is the TOML file, else the one that BBS_CONFIG names, else `default_file()`. `overrides` come from the
    command line, by dotted key ("server.port"); a None among them counts as not given. Every source is checked
    whole, also where a later one hides its value.
    """
    file = _chosen_file(file, environ)
    layers = [_file_layer(file), _environment_layer(environ), _command_line_layer(overrides or {})]
    mistakes = [mistake for layer in layers for mistake in _mistakes(layer)] + list(_unknown_variables(environ))
    if mistakes:
        raise ConfigError(_sentence(mistakes))
    return _merged(file, [_preset_layer(layers), *layers])


def default_file() -> Path | None:
    """Return config/bbs.toml under the current folder when it exists."""
    file = Path("config/bbs.toml")
    return file if file.is_file() else None


def shown(key: str, value: object) -> str:
    """Return `value` as TOML that may be shown to anyone: a password in a URL is masked, whatever the key."""
    if key == OPTIONS and not isinstance(value, Mapping):
        return MASK
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(_masked(key, value), ensure_ascii=False).encode(errors="backslashreplace").decode()
        case Mapping():
            return "{" + ", ".join(f"{shown('', k)} = {shown(key, v)}" for k, v in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(shown(key, item) for item in value) + "]"
    return str(value)


def _masked(key: str, text: str) -> str:
    if key == DATABASE and text and "://" not in text:
        return MASK
    return _query_password.sub(r"\1***", _url_password.sub(r"\1:***@", text))


def _chosen_file(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = environ.get(FILE_VARIABLE)
    return file or (Path(named) if named else default_file())


def _file_layer(file: Path | None) -> Layer:
    if file is None:
        return Layer({}, {})
    text = _read(file)
    return Layer(_parse(file, text), {path: f"{file}:{line}" for path, line in _lines(text).items()})


def _environment_layer(environ: Mapping[str, str]) -> Layer:
    given = [(key, name) for name, key in VARIABLES.items() if name in environ]
    return _layer((key, _from_text(environ[name], FIELDS[key].annotation), name) for key, name in given)


def _command_line_layer(overrides: Mapping[str, object]) -> Layer:
    return _layer((key, value, "command line") for key, value in overrides.items() if value is not None)


def _preset_layer(layers: Sequence[Layer]) -> Layer:
    chosen = [layer.values["server"]["preset"] for layer in layers if "preset" in layer.values.get("server", {})]
    preset = chosen[-1] if chosen else FIELDS["server.preset"].default
    return _layer((key, value, f"preset {preset}") for key, value in PRESETS[preset].items())


def _layer(given: Iterable[tuple[str, object, str]]) -> Layer:
    layer = Layer({}, {})
    for dotted, value, origin in given:
        section, _, key = dotted.partition(".")
        layer.values.setdefault(section, {})[key] = value
        layer.origins.setdefault((section,), origin)
        layer.origins[section, key] = origin
    return layer


def _merged(file: Path | None, layers: Iterable[Layer]) -> Loaded:
    values: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    origins = dict.fromkeys(FIELDS, "default")
    for layer in layers:
        for section, table in layer.values.items():
            values[section] |= table
            origins |= {f"{section}.{key}": layer.origin((section, key)) for key in table}
    return Loaded(Settings.model_validate(values), origins, file)


def _from_text(text: str, kind: object) -> object:
    """Read a variable as its setting's type; what cannot be read stays text, which the model then refuses."""
    if (get_origin(kind), text.lstrip()[:1]) in ((dict, "{"), (tuple, "[")):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(text)
        return text
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            return text
    if get_origin(kind) is tuple:
        return parts
    if get_origin(kind) is dict and all("=" in part for part in parts):
        return {word.strip(): plugin.strip() for word, plugin in (part.split("=", 1) for part in parts)}
    return text


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such configuration file.") from None
    except OSError as error:
        raise ConfigError(f"{file}: the configuration file cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}:{line}: this is not UTF-8 text (save the file in that encoding).") from None


def _parse(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(_toml_sentence(file, text, str(error))) from None


def _toml_sentence(file: Path, text: str, message: str) -> str:
    place = _toml_place.search(message)
    lines = text.split("\n")
    line = int(place[1]) if place and place[1] else len(lines)
    column = f" at column {place[2]}" if place and place[2] else ""
    key = re.match(r"\s*([\w.-]+)\s*=", lines[line - 1])
    reason = _toml_place.sub("", message)
    what = f"{key[1] if key else 'this'} is not valid TOML: {reason[:1].lower()}{reason[1:]}{column}"
    return f"{file}:{line}: {what} (texts need quotes, each section and key stands once)."


def _lines(text: str) -> dict[KeyPath, int]:
    """Return the first line of each path in a valid TOML text, in order.

    tomllib keeps no lines, so each statement is found as the fewest lines that are TOML by themselves.
    """
    section: KeyPath = ()
    lines: dict[KeyPath, int] = {}
    pending = ""
    for number, line in enumerate(text.split("\n"), 1):
        pending += line + "\n"
        try:
            statement = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        is_header = pending.lstrip().startswith("[")
        paths = list(_paths(statement, () if is_header else section))
        section = paths[-1] if is_header else section
        for path in paths:
            lines.setdefault(path, number - pending.count("\n") + 1)
        pending = ""
    return lines


def _paths(table: Mapping[str, Any], above: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in table.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))


def _mistakes(layer: Layer) -> list[str]:
    try:
        Settings.model_validate(layer.values)
    except ValidationError as error:
        order = list(layer.origins.values())
        wrong = {tuple(map(str, detail["loc"][:2])): detail for detail in error.errors()}
        found = [(layer.origin(path), _what(layer, path, detail)) for path, detail in wrong.items()]
        return [f"{origin}: {what}" for origin, what in sorted(found, key=lambda pair: order.index(pair[0]))]
    return []


def _what(layer: Layer, path: KeyPath, detail: ErrorDetails) -> str:
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        return _unknown(path, detail["input"])
    if len(path) == 1:
        return f"{key} must be a section (write [{key}] on a line of its own)"
    if detail["type"] == "value_error":
        return f"{key}: {detail['ctx']['error']}"
    return f"{key} must be {expected(key)}{_instead(key, layer.values[path[0]][path[1]])}"


def _instead(key: str, value: object) -> str:
    near = get_close_matches(str(value), map(str, get_args(FIELDS[key].annotation)), n=1)
    return f", not {shown(key, value)[:SHOWN_CHARACTERS]}" + (_meant(near) if near else "")


def _unknown(path: KeyPath, value: object) -> str:
    section, key = path[0], path[-1]
    if len(path) > 1:
        own = [name for name in FIELDS if name.startswith(f"{section}.")]
        return f"{section}.{key} is not a setting{_meant(_near_keys(key, own) or _near_keys(key, FIELDS), own)}"
    if isinstance(value, dict):
        return f"[{key}] is not a section{_meant(get_close_matches(key.lower(), SECTIONS, n=1), SECTIONS)}"
    return f"{key} stands outside any section{_meant(_near_keys(key, FIELDS), SECTIONS)}"


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environ):
        if name.startswith("BBS_") and name not in VARIABLES and name not in OTHER_VARIABLES:
            tail = "." + name.removeprefix("BBS_").lower()
            same = [variable for variable, key in VARIABLES.items() if key.endswith(tail)]
            yield f"{name}: this is not a setting{_meant(same or get_close_matches(name, VARIABLES, n=1), FIELDS)}"


def _near_keys(key: str, names: Iterable[str]) -> list[str]:
    """Return those of `names`, dotted, whose last part is nearest to `key`."""
    near = get_close_matches(key.lower(), [name.partition(".")[2] for name in names], n=1)
    return [name for name in names if near and name.endswith(f".{near[0]}")]


def _meant(near: Sequence[str], known: Iterable[str] = ()) -> str:
    return f" (did you mean {' or '.join(near)}?)" if near else f" (there are {', '.join(known)})"


def _sentence(mistakes: Sequence[str]) -> str:
    others = len(mistakes) - 1
    more = f", and {others} more mistake{'s' if others > 1 else ''}" if others else ""
    return f"{mistakes[0]}{more}."
