"""Find the plugins of one server, check them, and put those that hold into a set that is never changed."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import itertools
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
import structlog

from bbs_core import hookspecs
from bbs_core.errors import PluginError
from bbs_core.plugin import PROJECT, CommandInfo, hook_name
from bbs_core.pool import Pool
from bbs_core.relay import Relay, Runner
from bbs_core.settings import PluginSettings

log = structlog.get_logger(__name__)

BUILTINS = ("post", "dm", "list", "listdm", "quit", "help", "who")
STOCK_WORDS = ("post", "dm", "list", "listdm", "quit")
ENTRY_POINTS = "bbs.plugins"
FOLDER = "plugins"
# Modules of outside plugins are named under this, with a number for each server, so that two servers share nothing.
PREFIX = "bbs_outside"

_servers = itertools.count(1)


@dataclass
class Plugin:
    """A plugin and what became of it; `state` is loaded, disabled, replaced, failed or quarantined."""

    name: str
    origin: str
    find: Callable[[], ModuleType]
    builtin: bool = False
    state: str = "loaded"
    reason: str = ""
    module: ModuleType | None = None
    failures: deque[float] = field(default_factory=deque)
    failure_count: int = 0


class PluginSet:
    """The plugins of a server, their commands, and the relay that calls them."""

    def __init__(self, settings: PluginSettings, folder: Path) -> None:
        self._settings = settings
        self.plugins = [*_builtins(), *_installed(), *_files(folder)]
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._owners: dict[str, Plugin] = {}
        self._runners: dict[str, Runner] = {}
        self.commands: dict[str, CommandInfo] = {}
        for plugin in self.plugins:
            self._admit(plugin)
        self.hooks = Relay(self._manager, self._runners)

    def __getitem__(self, name: str) -> Plugin:
        return next(plugin for plugin in self.plugins if plugin.name == name)

    def works(self, hook: str) -> bool:
        """Whether a command has an owner that is not in quarantine."""
        owner = self._owners.get(hook)
        return owner is not None and owner.state == "loaded"

    def failure_counts(self) -> dict[str, int]:
        """Return how often each plugin has failed since the start."""
        return {plugin.name: plugin.failure_count for plugin in self.plugins}

    def close(self) -> None:
        """Let go of the plugins' threads."""
        for runner in self._runners.values():
            if runner.pool is not None:
                runner.pool.close()

    def _admit(self, plugin: Plugin) -> None:
        try:
            self._load(plugin)
        except PluginError as error:
            plugin.state, plugin.reason = "failed", str(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - importing a plugin may raise anything
            plugin.state, plugin.reason = "failed", _where(error)
        if plugin.state == "failed":
            log.error("plugin_not_loaded", plugin=plugin.name, origin=plugin.origin, why=plugin.reason)

    def _load(self, plugin: Plugin) -> None:
        if plugin.name in self._settings.disabled and plugin.name != "quit":
            plugin.state, plugin.reason = "disabled", "The settings disable it."
            return
        if plugin.name in self._runners:
            raise PluginError(f"Another plugin has the name {plugin.name}: {self[plugin.name].origin}.")
        replaced_by = self._settings.replace.get(plugin.name)
        if plugin.builtin and replaced_by:
            plugin.state, plugin.reason = "replaced", f"{replaced_by} stands in its place."
            return
        plugin.module = plugin.find()
        functions = list(_functions(plugin.module))
        claims = {hook: word for hook, word, function in functions if _answers(function)}
        self._check(plugin, functions, claims)
        self._register(plugin, functions, claims)

    def _check(self, plugin: Plugin, functions: list[tuple[str, str, Any]], claims: dict[str, str]) -> None:
        if not functions:
            raise PluginError("It has no command and no hook: mark a function with @command or @hookimpl.")
        for hook, word, function in functions:
            if not word and not hasattr(hookspecs, hook):
                known = [name for name in dir(hookspecs) if name.startswith("bbs_")]
                raise PluginError(f"There is no hook {hook} ({_place(function)}).{_suggestion(hook, known)}")
            _check_parameters(hook, function)
        for hook, word in claims.items():
            self._check_claim(plugin, hook, word)

    def _check_claim(self, plugin: Plugin, hook: str, word: str) -> None:
        owner = self._owners.get(hook)
        stock = hook.removeprefix("bbs_command_")
        if owner is not None:
            raise PluginError(f"The command {word or stock} belongs to the plugin {owner.name} already.")
        if stock in STOCK_WORDS and not plugin.builtin and self._settings.replace.get(stock) != plugin.name:
            raise PluginError(f"It would replace {stock}: allow it with plugins.replace = {{ {stock} = ... }}.")
        if word and not word.startswith("/") and word not in self._settings.bare_words:
            raise PluginError(f"It would take the bare word {word}: allow it in plugins.bare_words.")

    def _register(self, plugin: Plugin, functions: list[tuple[str, str, Any]], claims: dict[str, str]) -> None:
        for hook in claims:
            if not hasattr(hookspecs, hook):
                self._manager.add_hookspecs(hookspecs.command_spec(hook))
        pool = None if plugin.builtin else Pool(plugin.name, self._settings.threads)
        self._runners[plugin.name] = Runner(plugin.name, self._settings.deadline_s, pool, self._failed)
        self._manager.register(plugin.module, plugin.name)
        self._owners.update(dict.fromkeys(claims, plugin))
        for hook, word, function in functions:
            if hook in claims:
                shown = word or hook.removeprefix("bbs_command_")
                self.commands[shown] = CommandInfo(shown, _summary(function), plugin.name)

    def _failed(self, name: str) -> None:
        """Count a failure; an outside plugin with too many in the window is left alone until the next start."""
        plugin, now = self[name], time.monotonic()
        plugin.failure_count += 1
        plugin.failures.append(now)
        while plugin.failures[0] < now - self._settings.quarantine_window_s:
            plugin.failures.popleft()
        if len(plugin.failures) >= self._settings.quarantine_failures and not plugin.builtin:
            plugin.state, plugin.reason = "quarantined", f"It failed {len(plugin.failures)} times."
            self._runners[name].off = True
            log.error("plugin_quarantined", plugin=name, failures=len(plugin.failures))


def _builtins() -> Iterator[Plugin]:
    for name in BUILTINS:
        module = f"plugins.{name}"
        yield Plugin(name, "built-in", lambda module=module: importlib.import_module(module), builtin=True)  # type: ignore[misc]


def _installed() -> Iterator[Plugin]:
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        yield Plugin(point.name, package, point.load)


def _files(folder: Path) -> Iterator[Plugin]:
    server = next(_servers)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
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


def _functions(module: ModuleType) -> Iterator[tuple[str, str, Any]]:
    """Yield hook, command word and function for each that bears a mark; the word is empty for a plain hook."""
    for name, function in vars(module).items():
        mark = getattr(function, "bbs_impl", None)
        if isinstance(mark, dict):
            word = getattr(function, "bbs_command", "")
            yield hook_name(word) if word else mark.get("specname") or name, word, function


def _answers(function: Any) -> bool:
    """Whether it is the command itself, not a wrapper around it or an observer."""
    hook = function.bbs_impl.get("specname") or function.__name__
    wraps = function.bbs_impl.get("wrapper") or hasattr(function, "bbs_async_wrapper")
    return bool(hook.startswith("bbs_command_")) and not wraps


def _check_parameters(hook: str, function: Any) -> None:
    specification = getattr(hookspecs, hook, None)
    known = tuple(inspect.signature(specification).parameters) if specification else ("session", "text")
    for name in inspect.signature(function).parameters:
        if name not in known:
            takes = ", ".join(known)
            raise PluginError(f"{hook} has no parameter {name} ({_place(function)}): it has {takes}.")


def _suggestion(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _place(function: Any) -> str:
    code = inspect.unwrap(function).__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _summary(function: Any) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _where(error: BaseException) -> str:
    """Say what an import raised and in which line of the plugin."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({Path(error.filename or '?').name}:{error.lineno})"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
