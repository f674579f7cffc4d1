"""Check the plugins of one server, and put those that hold into a set that is never changed."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import pluggy
import structlog

from bbs_core import hookspecs
from bbs_core.errors import NotFound, PluginError
from bbs_core.incidents import Incident
from bbs_core.platform.checking import answers, check_claims, check_marks, where
from bbs_core.platform.commands import examples_of, written
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
from bbs_core.platform.misnamed import empty_groups, misnamed, misnamed_plugins
from bbs_core.platform.modules import forget
from bbs_core.platform.permit import Permit
from bbs_core.platform.pool import Pool
from bbs_core.platform.relay import Relay, allow_own
from bbs_core.platform.runner import Runner
from bbs_core.platform.storages import Migrate
from bbs_core.plugin_settings import PluginSettings
from bbs_core.public.lines import CommandInfo
from bbs_core.words import PROJECT

log = structlog.get_logger(__name__)

FOLDER = "plugins"


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
        migrate: Migrate = lambda *_: None,
    ) -> None:
        self._settings = settings
        self._keep = keep
        self._discover = discover
        self._migrate = migrate
        self._imports = Imports()
        self.plugins = list(plugins)
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        allow_own(self._manager)
        self._owners: dict[str, Plugin] = {}
        self._runners: dict[str, Runner] = {}
        self.faults: list[str] = []
        # What an admin is to know of a plugin that works, by its name.
        self.hints: dict[str, str] = {}
        self.commands: dict[str, CommandInfo] = {}
        self.permits: dict[str, Permit] = {}
        # All are imported before any is checked: a plugin may wrap a command of one that comes after it.
        for step in (self._find, self._load):
            for plugin in self.plugins:
                self._admit(plugin, step)
        if not settings.safe_mode:
            self._check_settings()
        self.hooks = Relay(self._manager, self._runners)

    def __getitem__(self, name: str) -> Plugin:
        return next(plugin for plugin in self.plugins if plugin.name == name)

    @property
    def settings(self) -> PluginSettings:
        """The settings that made it."""
        return self._settings

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
        return PluginSet(settings, plugins, self._keep, self._discover, self._migrate)

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
            plugin.state, plugin.reason = "failed", where(error, plugin.origin)
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
        claims = [(one.hook, one.word) for one in plugin.functions if answers(one)]
        hooks = {one.hook for other in self.plugins for one in other.functions if one.word}
        check_marks(plugin, hooks)
        check_claims(plugin, claims, self._owners, self._settings)
        if plugin.runner is None and (plugin.migrations or not plugin.builtin):
            self._migrate(plugin.name, plugin.migrations)
        self._register(plugin, dict(claims))

    def _check_settings(self) -> None:
        """Say what in the settings is of nobody: a typing slip would leave a plugin at work, or a command open."""
        known = [plugin.name for plugin in self.plugins]
        all_on = all(plugin.state in ("loaded", "replaced") for plugin in self.plugins)
        self.faults += misnamed_plugins(self._settings, known, self._owners)
        self.faults += misnamed(self._settings, self.permits.values(), all_on)
        for fault in self.faults:
            log.error("setting_of_nobody", why=fault)
        self.hints = empty_groups(self._settings, self.permits.values())
        for plugin, hint in self.hints.items():
            log.warning("group_empty", plugin=plugin, why=hint)

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
        for one in filter(answers, plugin.functions):
            permit = self.permits[one.hook] = Permit.of(one, _word(one), plugin.name, self._settings)
            self.commands[permit.word] = _command_info(one, permit)


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


class _Registered:
    """What pluggy is shown of a plugin: it looks at all that an object says it has, and takes its time for each.

    Two that have the same, such as nothing, are two all the same.
    """

    def __init__(self, **functions: Any) -> None:
        vars(self).update(functions)

    def __dir__(self) -> Iterable[str]:
        return vars(self)


def _registered(plugin: Plugin) -> _Registered:
    return _Registered(**{f"{one.hook}_{number}": _named(one) for number, one in enumerate(plugin.functions)})


def _named(one: Marked) -> Any:
    one.function.bbs_impl["specname"] = one.hook
    return one.function


def _word(one: Marked) -> str:
    return one.word or one.hook.removeprefix("bbs_command_")


def _command_info(one: Marked, permit: Permit) -> CommandInfo:
    doc = inspect.getdoc(written(one.function)) or ""
    usage, schema = (one.form.usage, one.form.schema) if one.form else (permit.word, {})
    summary, rate = doc.partition("\n")[0], str(permit.bound or "")
    examples = examples_of(one.function)
    return CommandInfo(permit.word, summary, permit.plugin, usage, doc, schema, examples, permit.group, rate)
