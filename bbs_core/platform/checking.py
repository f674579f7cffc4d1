"""What is refused of a plugin before any of it is called: each fault with its place."""

from __future__ import annotations

import inspect
import traceback
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from bbs_core import hookspecs
from bbs_core.errors import PluginError
from bbs_core.platform.commands import place
from bbs_core.platform.discovery import Marked, Plugin
from bbs_core.platform.misnamed import suggestion
from bbs_core.plugin_settings import PluginSettings
from bbs_core.public.arguments import OWN
from bbs_core.words import STOCK_WORDS

# What asks one after the other, or each for itself, has nothing to wrap.
SCREENS = frozenset({"bbs_screen_post", "bbs_screen_message", "bbs_export_user", "bbs_forget_user"})


def answers(one: Marked) -> bool:
    """Whether it is the command itself, not a wrapper around it or an observer."""
    return one.hook.startswith("bbs_command_") and answers_itself(one.function)


def answers_itself(function: Any) -> bool:
    """Whether it is no wrapper."""
    return not (function.bbs_impl.get("wrapper") or hasattr(function, "bbs_async_wrapper"))


def check_marks(plugin: Plugin, added_hooks: Collection[str]) -> None:
    """Raise PluginError where a function is of no hook, or is not what its hook asks for."""
    if not (plugin.functions or plugin.timers or plugin.verbs or [*plugin.extension]):
        raise PluginError("It has no command and no hook: mark a function with @command or @hookimpl.")
    known = {*added_hooks, *hookspecs.HOOKS}
    for hook, word, function, _ in plugin.functions:
        if hook not in known:
            raise PluginError(f"There is no hook {hook} ({place(function)}).{suggestion(hook, sorted(known))}")
        if not word:
            _check_parameters(hook, function)
            _check_wrapper(hook, function)
        if hook in SCREENS and not answers_itself(function):
            raise PluginError(f"{hook} takes no wrapper ({place(function)}): answer a verdict.")


def check_claims(
    plugin: Plugin, claims: Sequence[tuple[str, str]], owners: Mapping[str, Plugin], settings: PluginSettings
) -> None:
    """Raise PluginError where a plugin claims a command, as its hook and its word, that it may not have."""
    for hook, word in claims:
        _check_claim(plugin, hook, word, owners.get(hook), settings)
    for hook, count in Counter(hook for hook, _ in claims).items():
        if count > 1:
            raise PluginError(f"It has two functions for {hook}.")


def _check_claim(plugin: Plugin, hook: str, word: str, owner: Plugin | None, settings: PluginSettings) -> None:
    stock = hook.removeprefix("bbs_command_")
    if stock in STOCK_WORDS and not plugin.builtin and settings.replace.get(stock) != plugin.name:
        allow = f'plugins.replace = {{ {stock} = "{plugin.name}" }}'
        raise PluginError(f"The command {word or stock} belongs to the built-in {stock}: allow it with {allow}.")
    if owner is not None:
        raise PluginError(f"The command {word or stock} belongs to the plugin {owner.name} already.")
    if word and not word.startswith("/") and word not in settings.bare_words:
        raise PluginError(f"It would take the bare word {word}: allow it in plugins.bare_words.")


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


def where(error: BaseException, origin: str) -> str:
    """Say what an import raised and in which line of the plugin."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({Path(error.filename or '?').name}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if frame.filename.startswith(origin)), frames[-1])
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
