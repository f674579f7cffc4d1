"""Which version of the platform a plugin asks for, read from its source before anything of it is run."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from bbs_core.errors import PluginError
from bbs_core.plugin import API_VERSION

NAME = "requires_api"
SUCH_AS = 'write one such as ">=1.0,<2"'


class Asked(NamedTuple):
    """What stands behind `requires_api`, None where that is no plain text, and where."""

    versions: str | None
    place: str


def refuse_other_version(source: Path | None) -> None:
    """Raise PluginError where a plugin asks for versions of the platform of which this is none."""
    asked = _asked(source) if source is not None and source.suffix == ".py" else None
    if asked is None:
        return
    if asked.versions is None:
        raise PluginError(f"Its {NAME} is no plain text: {SUCH_AS} ({asked.place}).")
    try:
        fits = API_VERSION in SpecifierSet(asked.versions)
    except InvalidSpecifier:
        raise PluginError(f"Its {NAME} names no versions: {SUCH_AS}, not {asked.versions!r} ({asked.place}).") from None
    if not fits:
        has = f"this board has {API_VERSION}"
        raise PluginError(f"It asks for version {asked.versions} of the plugin platform, and {has} ({asked.place}).")


def source_of(module: str) -> Path | None:
    """Return the file of a module, found without importing it or what it is in; None where that cannot be told."""
    name, *rest = module.split(".")
    spec = importlib.util.find_spec(name)
    for part in rest:
        name = f"{name}.{part}"
        folders = spec.submodule_search_locations if spec is not None else None
        spec = PathFinder.find_spec(name, folders) if folders is not None else None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _asked(source: Path) -> Asked | None:
    # What cannot be read as Python is said better by its import.
    with contextlib.suppress(SyntaxError, ValueError):
        for statement in ast.parse(source.read_bytes()).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) if name == NAME:
                    return Asked(_text(statement.value), f"{source.name}:{statement.lineno}")
    return None


def _text(value: ast.expr | None) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
