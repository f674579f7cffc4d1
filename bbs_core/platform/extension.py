"""What of a plugin is a part of the console: its pages, its cards on the dashboard, and its actions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from bbs_core.errors import PluginError
from bbs_core.platform.commands import place
from bbs_core.platform.forms import ActionForm
from bbs_core.public.arguments import OWN
from bbs_core.public.console import Mark
from bbs_core.staff import Scope

# The navigation and the dashboard are of all plugins together.
LIMITS = {"page": 8, "card": 8, "action": 50}
TAKES = {"page": ("query", "staff", *OWN), "card": OWN}
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True)
class Part:
    """A page, a card or an action; `name` is that of its function as it stands in an address."""

    kind: str
    name: str
    title: str
    scope: Scope
    records: bool
    function: Any
    # What the code says of it, for whoever looks at it.
    help: str
    form: ActionForm | None = None

    @property
    def hook(self) -> str:
        """The name under which its failures are known."""
        return f"@{self.kind} {self.name}"


@dataclass
class Extension:
    """All that one plugin shows in the console, by its names in addresses."""

    pages: Mapping[str, Part] = field(default_factory=dict)
    cards: Mapping[str, Part] = field(default_factory=dict)
    actions: Mapping[str, Part] = field(default_factory=dict)
    # Cards that are not to be asked again before some time, each with what is said in its place.
    failed: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Part]:
        for parts in (self.pages, self.cards, self.actions):
            yield from parts.values()

    def part_of(self, function: Any) -> Part | None:
        """Return what a function is to the console, None where it is nothing."""
        return next((part for part in self if part.function is function), None)


def find_extension(plugin: str, module: ModuleType) -> Extension:
    """Return what in a module bears a mark of the console. Raises PluginError."""
    marked = {id(one): one for one in vars(module).values() if type(getattr(one, "bbs_console", None)) is Mark}
    parts = [_part(plugin, function, function.bbs_console) for function in marked.values()]
    for kind, limit in LIMITS.items():
        if sum(part.kind == kind for part in parts) > limit:
            raise PluginError(f"It has more than {limit} {kind}s.")
    pages, cards, actions = (_by_name([part for part in parts if part.kind == kind]) for kind in LIMITS)
    return Extension(pages, cards, actions)


def _by_name(parts: Collection[Part]) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for part in parts:
        if part.name in found:
            raise PluginError(f"It has two {part.kind}s {part.name} ({place(part.function)}).")
        found[part.name] = part
    return found


def _part(plugin: str, function: Any, mark: Mark) -> Part:
    where = place(function)
    if not NAME.fullmatch(function.__name__):
        raise PluginError(f"The address of a {mark.kind} is the name of its function: use small letters ({where}).")
    form = ActionForm(plugin, function, where) if mark.kind == "action" else None
    if form is None:
        _check_parameters(mark.kind, function)
    name = function.__name__.replace("_", "-")
    scope = _scope(mark.scope, where)
    doc = inspect.getdoc(function) or ""
    return Part(mark.kind, name, mark.title, scope, mark.records, function, doc, form)


def _check_parameters(kind: str, function: Any) -> None:
    for name in inspect.signature(function).parameters:
        if name not in TAKES[kind]:
            raise PluginError(f"A {kind} takes {', '.join(TAKES[kind])}, and not {name} ({place(function)}).")


def _scope(name: str, where: str) -> Scope:
    try:
        return Scope(name)
    except ValueError:
        near = get_close_matches(str(name), list(Scope), n=1)
        suggestion = f" Did you mean {near[0]}?" if near else ""
        raise PluginError(f"There is no right {str(name)[:60]} ({where}).{suggestion}") from None
