"""Where plugins come from: the product itself, installed packages, and a folder of files."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import structlog

from bbs_core.errors import PluginError
from bbs_core.metrics import product_version
from bbs_core.platform.commands import as_hook, form_of, place
from bbs_core.platform.relay import Runner
from bbs_core.public.arguments import Form
from bbs_core.words import hook_name

BUILTINS = ("post", "dm", "list", "listdm", "quit", "help", "who")
# Of the product too, and off until the preset or an admin wants them: the original has nothing like them.
OPTIONAL = ("report",)
ENTRY_POINTS = "bbs.plugins"
# Modules of outside plugins are named under this, with a number for each server, so that two servers share nothing.
PREFIX = "bbs_outside"

log = structlog.get_logger(__name__)

_servers = itertools.count(1)


class Marked(NamedTuple):
    """A function that the board calls: the hook that it implements and, of a command, its word and its form."""

    hook: str
    word: str
    function: Any
    form: Form | None


@dataclass
class Plugin:
    """A plugin and what became of it; `state` is loaded, disabled, replaced, failed or quarantined."""

    name: str
    origin: str
    find: Callable[[], ModuleType]
    builtin: bool = False
    optional: bool = False
    version: str = ""
    state: str = "loaded"
    reason: str = ""
    module: ModuleType | None = None
    functions: list[Marked] = field(default_factory=list)
    timers: list[tuple[float, Any]] = field(default_factory=list)
    verbs: dict[str, Any] = field(default_factory=dict)
    failures: deque[float] = field(default_factory=deque)
    failure_count: int = 0
    runner: Runner | None = None

    def read(self) -> None:
        """Import it, if that is still to be done, and look for what bears a mark. Raises anything."""
        self.module = self.module or self.find()
        self.functions = list(marked_functions(self.module))
        self.timers = list(marked_timers(self.module))
        self.verbs = dict(marked_verbs(self.module))


def builtins() -> Iterator[Plugin]:
    """Yield the plugins of the product."""
    for name in (*BUILTINS, *OPTIONAL):
        find = functools.partial(importlib.import_module, f"plugins.{name}")
        yield Plugin(name, "built-in", find, builtin=True, optional=name in OPTIONAL, version=product_version())


def installed() -> Iterator[Plugin]:
    """Yield the plugins of the packages in this environment."""
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        yield Plugin(point.name, package, point.load, version=point.dist.version if point.dist else "")


def files(folder: Path) -> Iterator[Plugin]:
    """Yield the plugins that an admin has put into a folder, as files and as packages."""
    server = next(_servers)
    try:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        log.error("plugin_folder_unreadable", folder=str(folder), why=error.strerror)
        return
    for path in paths:
        source = path / "__init__.py" if path.is_dir() else path
        if source.suffix == ".py" and source.is_file() and not path.name.startswith((".", "_")):
            name = f"{PREFIX}.server{server}.{path.stem}"
            yield Plugin(path.stem, str(path), lambda name=name, source=source: _import_file(name, source))  # type: ignore[misc]


def _import_file(name: str, source: Path) -> ModuleType:
    package = [str(source.parent)] if source.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, source, submodule_search_locations=package)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def marked_functions(module: ModuleType) -> Iterator[Marked]:
    """Yield what in a module bears a mark; the word is empty for a plain hook. Raises PluginError."""
    for name, function in vars(module).items():
        mark = getattr(function, "bbs_impl", None)
        if isinstance(mark, dict):
            word = getattr(function, "bbs_command", "")
            form = form_of(word, function) if word else None
            hook = hook_name(word) if word else mark.get("specname") or name
            yield Marked(hook, word, as_hook(form, function) if form else function, form)


def marked_timers(module: ModuleType) -> Iterator[tuple[float, Any]]:
    """Yield pause and function of each timer. Raises PluginError."""
    for function in vars(module).values():
        pause_s = getattr(function, "bbs_every_s", None)
        if isinstance(pause_s, float):
            if not {*inspect.signature(function).parameters} <= {"server"}:
                raise PluginError(f"A timer takes server and nothing else ({place(function)}).")
            yield pause_s, function


def marked_verbs(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield name and implementation of each verb. Raises PluginError."""
    for function in vars(module).values():
        name = getattr(function, "bbs_verb", None)
        if isinstance(name, str):
            if "session" in inspect.signature(function).parameters:
                raise PluginError(f"A verb has no session: nobody is on a line ({place(function)}).")
            yield name, as_hook(form_of(name, function), function)
