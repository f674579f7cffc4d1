"""Check the plugins of one server, and put those that hold into a set that is never changed."""

from __future__ import annotations

import functools
import inspect
import time
import traceback
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pluggy
import structlog

from bbs_core import hookspecs
from bbs_core.errors import NotFound, PluginError
from bbs_core.incidents import Incident
from bbs_core.platform.commands import examples_of, place, written
from bbs_core.platform.configuring import Configured
from bbs_core.platform.discovery import (
    Marked,
    Plugin,
    builtins,
    files,
    installed,
)
from bbs_core.platform.implementation import Implementation
from bbs_core.platform.imports import Imports
from bbs_core.platform.modules import forget
from bbs_core.platform.pool import Pool
from bbs_core.platform.relay import Relay, allow_own
from bbs_core.platform.runner import Runner
from bbs_core.public.arguments import OWN
from bbs_core.public.lines import CommandInfo
from bbs_core.settings import PluginSettings
from bbs_core.words import PROJECT, hook_name

log = structlog.get_logger(__name__)

STOCK_WORDS = ("post", "dm", "list", "listdm", "quit")
FOLDER = "plugins"
# What asks one after the other has nothing to wrap.
SCREENS = frozenset({"bbs_screen_post", "bbs_screen_message"})


def found_plugins(folder: Path, settings: PluginSettings) -> list[Plugin]:
    """Return the plugins of the product and, unless in safe mode, of this environment and of a folder."""
    return [*builtins()] if settings.safe_mode else [*builtins(), *installed(), *files(folder)]


class PluginSet:
    """The plugins of a server, their commands, and the relay that calls them."""

    def __init__(
        self,
        settings: PluginSettings,
        plugins: Iterable[Plugin],
        keep: Callable[[Incident], None] = lambda _: None,
        discover: Callable[[], Iterable[Plugin]] = list,
    ) -> None:
        self._settings = settings
        self._keep = keep
        self._discover = discover
        self._imports = Imports()
        self.plugins = list(plugins)
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        allow_own(self._manager)
        self._owners: dict[str, Plugin] = {}
        self._runners: dict[str, Runner] = {}
        self.faults: list[str] = []
        self.commands: dict[str, CommandInfo] = {}
        # All are imported before any is checked: a plugin may wrap a command of one that comes after it.
        for step in (self._find, self._load):
            for plugin in self.plugins:
                self._admit(plugin, step)
        self._check_settings()
        self.hooks = Relay(self._manager, self._runners)

    def __getitem__(self, name: str) -> Plugin:
        return next(plugin for plugin in self.plugins if plugin.name == name)

    def works(self, hook: str) -> bool:
        """Whether a command has an owner that is not in quarantine."""
        owner = self._owners.get(hook)
        return owner is not None and owner.state == "loaded"

    async def run_verb(self, name: str, verb: str, text: str) -> Any:
        """Return what a plugin's verb answers. Raises NotFound, UserError and HookFailed."""
        plugin = next((plugin for plugin in self.plugins if plugin.name == name and plugin.state == "loaded"), None)
        if plugin is None or plugin.runner is None or verb not in plugin.verbs:
            verbs = ", ".join(plugin.verbs) if plugin else ""
            raise NotFound(
                f"No plugin {name[:60]} with the verb {verb[:60]} is at work.{verbs and f' It has {verbs}.'}"
            )
        values = {"session": plugin.runner.server, "text": text}
        return await Implementation(f"@verb {verb}", plugin.verbs[verb], plugin.runner).call(values)

    def timers_of(self, runner: Runner) -> list[tuple[Implementation, float]]:
        """Return the timers of the plugin that has this runner, each with its pause."""
        timers = [timer for plugin in self.plugins if plugin.runner is runner for timer in plugin.timers]
        return [(Implementation(f"@every {pause_s:g}s", function, runner), pause_s) for pause_s, function in timers]

    def configured(self, name: str) -> Configured | None:
        """Return the settings of a plugin, None where there are none, or it is not known for being off."""
        return next((one.configured for one in self.plugins if one.name == name and one.configured), None)

    def problem(self, name: str) -> str:
        """Return why a plugin is not at work as it stands in its file; nothing where it is."""
        for plugin in self.plugins:
            if plugin.name == name:
                return plugin.reason
        return f"There is no plugin {name}."

    def refuse_faults(self) -> None:
        """Raise PluginError where a plugin cannot be loaded, or the settings name one that is not there."""
        failed = [f"{one.name}, {one.origin}: {one.reason}" for one in self.plugins if one.state == "failed"]
        if failed or self.faults:
            raise PluginError(" ".join([*failed, *self.faults]))

    def failure_counts(self) -> dict[str, int]:
        """Return how often each plugin has failed since the start."""
        return {plugin.name: plugin.failure_count for plugin in self.plugins}

    def changed(self, settings: PluginSettings, anew: Collection[str]) -> PluginSet:
        """Return the set that other settings make of the same plugins; those named in `anew` are imported afresh.

        What goes on unchanged keeps its module, its threads and its failures, and so does a plugin at work whose newer
        version cannot be loaded; one that has come since the start is looked for. Call it off the loop: it may import.
        """
        made = self._made(settings, anew)
        broken = [one for one in made.plugins if one.name in anew and one.state == "failed" and self._serves(one.name)]
        if not broken:
            return made
        made.close(kept=self)
        for one in broken:
            self[one.name].reason = f"A newer version cannot be loaded: {one.reason}"
        return self._made(settings, {*anew}.difference(one.name for one in broken))

    def _made(self, settings: PluginSettings, anew: Collection[str]) -> PluginSet:
        plugins = [self._again(plugin, settings, anew) for plugin in self.plugins]
        if {*anew}.difference(plugin.name for plugin in plugins):
            known = {plugin.name for plugin in plugins}
            plugins += [one for one in self._discover() if one.name in anew and one.name not in known]
        return PluginSet(settings, plugins, self._keep, self._discover)

    def _serves(self, name: str) -> bool:
        return any(plugin.name == name and plugin.state == "loaded" for plugin in self.plugins)

    def _again(self, plugin: Plugin, settings: PluginSettings, anew: Collection[str]) -> Plugin:
        was_disabled, is_disabled = plugin.state == "disabled", settings.switches_off(plugin.name, plugin.optional)
        if was_disabled == is_disabled and plugin.name not in anew:
            return plugin
        return plugin.again()

    def close(self, kept: PluginSet | None = None) -> None:
        """Let go of the plugins' threads and modules, but for those that another set goes on with."""
        in_use = {plugin.runner for plugin in kept.plugins} if kept else set()
        for plugin in self.plugins:
            if plugin.runner is None or plugin.runner not in in_use:
                forget(plugin.module)
                if plugin.runner is not None and plugin.runner.pool is not None:
                    plugin.runner.pool.close()

    def _admit(self, plugin: Plugin, step: Callable[[Plugin], None]) -> None:
        if plugin.state not in ("loaded", "quarantined"):
            return
        try:
            step(plugin)
        except KeyboardInterrupt:
            raise
        except PluginError as error:
            plugin.state, plugin.reason = "failed", str(error)
        except BaseException as error:  # noqa: BLE001 - importing a plugin may raise anything
            plugin.state, plugin.reason = "failed", _where(error, plugin.origin)
        if plugin.state == "failed":
            log.error("plugin_not_loaded", plugin=plugin.name, origin=plugin.origin, why=plugin.reason)

    def _find(self, plugin: Plugin) -> None:
        replaced_by = "" if self._settings.safe_mode else self._settings.replace.get(plugin.name)
        if self._settings.switches_off(plugin.name, plugin.optional):
            disabled = plugin.name in self._settings.disabled
            plugin.state = "disabled"
            plugin.reason = "The settings disable it." if disabled else "It is off until someone switches it on."
        elif plugin.builtin and replaced_by:
            plugin.state, plugin.reason = "replaced", f"{replaced_by} stands in its place."
        elif plugin.builtin:
            plugin.read(self._settings)
        else:
            self._imports.run(functools.partial(plugin.read, self._settings), plugin.origin)

    def _load(self, plugin: Plugin) -> None:
        if plugin.name in self._runners:
            raise PluginError(f"Another plugin has the name {plugin.name}: {self[plugin.name].origin}.")
        claims = [(one.hook, one.word) for one in plugin.functions if _answers(one)]
        self._check(plugin, claims)
        self._register(plugin, dict(claims))

    def _check(self, plugin: Plugin, claims: list[tuple[str, str]]) -> None:
        if not (plugin.functions or plugin.timers or plugin.verbs):
            raise PluginError("It has no command and no hook: mark a function with @command or @hookimpl.")
        known = {name for name in dir(hookspecs) if name.startswith("bbs_")}
        known |= {one.hook for other in self.plugins for one in other.functions if one.word}
        for hook, word, function, _ in plugin.functions:
            if hook not in known:
                raise PluginError(f"There is no hook {hook} ({place(function)}).{_suggestion(hook, sorted(known))}")
            if not word:
                _check_parameters(hook, function)
                _check_wrapper(hook, function)
            if hook in SCREENS and not _answers_itself(function):
                raise PluginError(f"{hook} takes no wrapper ({place(function)}): answer a verdict.")
        for hook, word in claims:
            self._check_claim(plugin, hook, word)
            if sum(hook == claimed for claimed, _ in claims) > 1:
                raise PluginError(f"It has two functions for {hook}.")

    def _check_claim(self, plugin: Plugin, hook: str, word: str) -> None:
        owner = self._owners.get(hook)
        stock = hook.removeprefix("bbs_command_")
        if stock in STOCK_WORDS and not plugin.builtin and self._settings.replace.get(stock) != plugin.name:
            allow = f'plugins.replace = {{ {stock} = "{plugin.name}" }}'
            raise PluginError(f"The command {word or stock} belongs to the built-in {stock}: allow it with {allow}.")
        if owner is not None:
            raise PluginError(f"The command {word or stock} belongs to the plugin {owner.name} already.")
        if word and not word.startswith("/") and word not in self._settings.bare_words:
            raise PluginError(f"It would take the bare word {word}: allow it in plugins.bare_words.")

    def _check_settings(self) -> None:
        """Say which names in the settings are of no plugin: a typing slip would leave one at work."""
        known = [plugin.name for plugin in self.plugins]
        for what in ("disabled", "enabled", "options"):
            for name in getattr(self._settings, what):
                if name not in known and not self._settings.safe_mode:
                    suggestion = _suggestion(name, known)
                    self.faults.append(f"plugins.{what} names {name}, which is not there.{suggestion}")
                    log.error(f"{what}_plugin_missing", plugin=name, why=suggestion.strip())
        for word, name in self._settings.replace.items():
            if hook_name(word) not in self._owners and not self._settings.safe_mode:
                self.faults.append(f"plugins.replace gives {word} to {name}, which does not take it.")
                log.error("replacement_missing", command=word, plugin=name)

    def _register(self, plugin: Plugin, claims: dict[str, str]) -> None:
        for hook in claims:
            if not hasattr(hookspecs, hook):
                self._manager.add_hookspecs(hookspecs.command_spec(hook))
        if plugin.runner is None:
            pool = None if plugin.builtin else Pool(plugin.name, self._settings.threads)
            failed = functools.partial(_failed, plugin, self._settings, self._keep)
            plugin.runner = Runner(plugin.name, self._settings.deadline_s, pool, failed)
        plugin.runner.settings = plugin.configured.settings if plugin.configured else None
        self._runners[plugin.name] = plugin.runner
        self._manager.register(_registered(plugin), plugin.name)
        self._owners.update(dict.fromkeys(claims, plugin))
        self.commands |= {info.word: info for info in map(_command_info(plugin), filter(_answers, plugin.functions))}


def _failed(plugin: Plugin, settings: PluginSettings, keep: Callable[[Incident], None], incident: Incident) -> None:
    """Count a failure; an outside plugin with too many in the window is left alone until an admin lets it back.

    No method: the runners of built-ins outlive every set, and would hold the first one with all that was ever in it.
    """
    keep(incident)
    now = time.monotonic()
    plugin.failure_count += 1
    plugin.failures.append(now)
    while plugin.failures[0] < now - settings.quarantine_window_s:
        plugin.failures.popleft()
    too_many = len(plugin.failures) >= settings.quarantine_failures
    if too_many and plugin.state == "loaded" and not plugin.builtin:
        plugin.state, plugin.reason = "quarantined", f"It failed {len(plugin.failures)} times."
        assert plugin.runner is not None
        plugin.runner.off = True
        log.error("plugin_quarantined", plugin=plugin.name, failures=len(plugin.failures))


def _answers(one: Marked) -> bool:
    """Whether it is the command itself, not a wrapper around it or an observer."""
    return one.hook.startswith("bbs_command_") and _answers_itself(one.function)


def _answers_itself(function: Any) -> bool:
    return not (function.bbs_impl.get("wrapper") or hasattr(function, "bbs_async_wrapper"))


class _Registered(SimpleNamespace):
    """What pluggy is shown of a plugin: it looks at all that an object says it has, and takes its time for each."""

    def __dir__(self) -> Iterable[str]:
        return vars(self)


def _registered(plugin: Plugin) -> _Registered:
    return _Registered(**{f"{one.hook}_{number}": _named(one) for number, one in enumerate(plugin.functions)})


def _named(one: Marked) -> Any:
    one.function.bbs_impl["specname"] = one.hook
    return one.function


def _command_info(plugin: Plugin) -> Callable[[Marked], CommandInfo]:
    def info(one: Marked) -> CommandInfo:
        word = one.word or one.hook.removeprefix("bbs_command_")
        doc = inspect.getdoc(written(one.function)) or ""
        usage, schema = (one.form.usage, one.form.schema()) if one.form else (word, {})
        return CommandInfo(word, doc.partition("\n")[0], plugin.name, usage, doc, schema, examples_of(one.function))

    return info


def _check_parameters(hook: str, function: Any) -> None:
    specification = getattr(hookspecs, hook, None)
    known = tuple(inspect.signature(specification).parameters) if specification else ("session", "text")
    for name in inspect.signature(function).parameters:
        if name not in known and name not in OWN:
            takes = ", ".join(known)
            raise PluginError(f"{hook} has no parameter {name} ({place(function)}): it has {takes}.")


def _check_wrapper(hook: str, function: Any) -> None:
    mark = function.bbs_impl
    there = place(function)
    if mark.get("hookwrapper"):
        raise PluginError(f"{hook} is a wrapper of an old kind ({there}): write @hookimpl(wrapper=True).")
    if mark.get("wrapper") and not inspect.isgeneratorfunction(function):
        raise PluginError(f"{hook} is a wrapper and does not yield ({there}); an async one bears @async_wrapper.")
    if hasattr(function, "bbs_async_wrapper") and not inspect.isasyncgenfunction(function):
        raise PluginError(f"{hook} bears @async_wrapper and is no async function that yields ({there}).")


def _suggestion(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _where(error: BaseException, origin: str) -> str:
    """Say what an import raised and in which line of the plugin."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({Path(error.filename or '?').name}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if frame.filename.startswith(origin)), frames[-1])
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
