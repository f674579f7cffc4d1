"""Where plugins come from: the product itself, installed packages, and a folder of files."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import structlog

from bbs_core.errors import PluginError
from bbs_core.metrics import product_version
from bbs_core.platform.commands import as_hook, as_worker_hook, check_examples, form_of, place
from bbs_core.platform.configuring import Configured, find_settings, refuse_askers
from bbs_core.platform.extension import Extension, find_extension
from bbs_core.platform.isolation import Worker
from bbs_core.platform.modules import import_anew, import_file
from bbs_core.platform.runner import Runner
from bbs_core.platform.storages import recorded, refuse_plain
from bbs_core.platform.versions import refuse_other_version, source_of
from bbs_core.plugin_settings import PluginSettings
from bbs_core.public.arguments import OWN, Form
from bbs_core.store.plugin_schemas import Migration
from bbs_core.words import hook_name

BUILTINS = ("post", "dm", "list", "listdm", "quit", "help", "who")
# Of the product too, and off until the preset or an admin wants them: the original has nothing like them.
OPTIONAL = ("report", "search", "new", "motd", "automod", "webhook")
ENTRY_POINTS = "bbs.plugins"
# In the folder of plugins: what is hidden, and the tests of a plugin beside it.
PASSED_OVER = (".", "_", "test_")

log = structlog.get_logger(__name__)


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
    # How to import what `find` would have from before.
    find_anew: Callable[[], ModuleType] | None = None
    # The value of its entry point; a file or a folder has none.
    entry: str = ""
    worker: Worker | None = None
    configured: Configured | None = None
    migrations: list[Migration] = field(default_factory=list)
    extension: Extension = field(default_factory=Extension)

    @property
    def source(self) -> Path | None:
        """The file that its code begins in, found without running any of it; None where that cannot be told."""
        if self.entry:
            return source_of(importlib.metadata.EntryPoint("", self.entry, "").module)
        return source_file(Path(self.origin))

    def again(self) -> Plugin:
        """Return the same plugin as it is before it is imported, of the version that is installed now."""
        if self.find_anew is not None and (present := _present(self)) is not None:
            return present
        find = self.find_anew or self.find
        anew = Plugin(self.name, self.origin, find, self.builtin, self.optional, self.version, entry=self.entry)
        anew.find_anew = self.find_anew
        return anew

    def read(self, settings: PluginSettings) -> None:
        """Import it, if that is still to be done, look for what bears a mark, and configure it. Raises anything."""
        if self.module is None and not self.builtin:
            refuse_other_version(self.source)
        self.module = self.module or self.find()
        self.worker = self.worker or Worker(self.name, self.entry, self.origin, settings.worker_memory_bytes)
        self.functions = list(marked_functions(self.module, self.worker))
        self.timers = list(marked_timers(self.module))
        self.verbs = dict(marked_verbs(self.module))
        self.extension = find_extension(self.name, self.module)
        self.configured = self.configured or find_settings(self.name, self.origin, self.module)
        called = [one.function for one in self.functions] + [one for _, one in self.timers]
        called += [*self.verbs.values(), *(part.function for part in self.extension)]
        if self.configured is None:
            refuse_askers(called)
        refuse_plain(called)
        self.migrations = self.migrations or recorded(self.name, self.module)
        self._configure(settings)

    def _configure(self, settings: PluginSettings) -> None:
        given = settings.options.get(self.name, {})
        if self.configured is not None:
            self.configured.take(given, settings.chosen(self.name))
        elif given:
            raise PluginError(f"It has no settings, and plugins.options.{self.name} has {', '.join(given)}.")


def builtins() -> Iterator[Plugin]:
    """Yield the plugins of the product."""
    for name in (*BUILTINS, *OPTIONAL):
        entry, version = f"plugins.{name}", product_version()
        find = functools.partial(importlib.import_module, entry)
        yield Plugin(name, "built-in", find, builtin=True, optional=name in OPTIONAL, version=version, entry=entry)


def installed() -> Iterator[Plugin]:
    """Yield the plugins of the packages in this environment."""
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        version = point.dist.version if point.dist else ""
        anew = functools.partial(import_anew, point)
        yield Plugin(point.name, package, point.load, version=version, find_anew=anew, entry=point.value)


def _present(plugin: Plugin) -> Plugin | None:
    """Return an installed plugin as its package has it now, to be imported anew; None where the package is gone."""
    package = plugin.origin.rpartition(" ")[0]
    for one in installed():
        if (one.name, one.origin.rpartition(" ")[0]) == (plugin.name, package) and one.find_anew is not None:
            one.find = one.find_anew
            return one
    return None


def files(folder: Path) -> Iterator[Plugin]:
    """Yield the plugins that an admin has put into a folder, as files and as packages."""
    try:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        log.error("plugin_folder_unreadable", folder=str(folder), why=error.strerror)
        return
    for path in paths:
        if (source := source_file(path)) is not None and not path.name.startswith(PASSED_OVER):
            yield Plugin(path.stem, str(path), functools.partial(import_file, source))


def source_file(path: Path) -> Path | None:
    """Return the file that the code of a module or package begins in, None where the path is of neither."""
    source = path / "__init__.py" if path.is_dir() else path
    return source if source.suffix == ".py" and source.is_file() else None


def marked_functions(module: ModuleType, worker: Worker) -> Iterator[Marked]:
    """Yield what in a module bears a mark; the word is empty for a plain hook. Raises PluginError."""
    for name, function in vars(module).items():
        mark = getattr(function, "bbs_impl", None)
        if isinstance(mark, dict):
            word = getattr(function, "bbs_command", "")
            form = form_of(word, function) if word else None
            if word:
                check_examples(word, function)
            hook = hook_name(word) if word else mark.get("specname") or name
            yield Marked(hook, word, _implementation(form, function, worker) if form else function, form)


def _implementation(form: Form, function: Any, worker: Worker) -> Any:
    return as_worker_hook(form, function, worker) if function.bbs_isolated else as_hook(form, function)


def marked_timers(module: ModuleType) -> Iterator[tuple[float, Any]]:
    """Yield pause and function of each timer. Raises PluginError."""
    for function in vars(module).values():
        pause_s = getattr(function, "bbs_every_s", None)
        if isinstance(pause_s, float):
            if not {*inspect.signature(function).parameters} <= {*OWN}:
                raise PluginError(f"A timer takes server, settings and storage, and nothing else ({place(function)}).")
            yield pause_s, function


def marked_verbs(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield name and implementation of each verb. Raises PluginError."""
    for function in vars(module).values():
        name = getattr(function, "bbs_verb", None)
        if isinstance(name, str):
            if "session" in inspect.signature(function).parameters:
                raise PluginError(f"A verb has no session: nobody is on a line ({place(function)}).")
            yield name, as_hook(form_of(name, function), function)
