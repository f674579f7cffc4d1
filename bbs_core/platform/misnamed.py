"""Names in the settings that are of no plugin, no command and nobody: a typing slip would let in, or keep out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from bbs_core.groups import BUILT_IN
from bbs_core.platform.permit import Permit
from bbs_core.plugin_settings import PluginSettings
from bbs_core.words import hook_name


def misnamed_plugins(settings: PluginSettings, known: list[str], owned: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each plugin that is not there; `owned` are the hooks of commands that have a plugin."""
    for what in ("disabled", "enabled", "options"):
        for name in getattr(settings, what):
            if name not in known:
                yield f"plugins.{what} names {name}, which is not there.{suggestion(name, known)}"
    for word, name in settings.replace.items():
        if hook_name(word) not in owned:
            yield f"plugins.replace gives {word} to {name}, which does not take it."


def misnamed(settings: PluginSettings, permits: Collection[Permit], all_on: bool) -> Iterator[str]:
    """Yield a sentence for each; a word may be of a plugin that is off, unless it is nearly one of those here."""
    words, groups = [one.word for one in permits], [*BUILT_IN, *settings.groups]
    for what in ("access", "rates"):
        for word in getattr(settings, what):
            near = suggestion(word, words)
            if word not in words and (near or all_on):
                yield f"plugins.{what} names {word}, which is no command.{near}"
    for word, group in settings.access.items():
        if group not in groups:
            yield f"plugins.access gives {word} to {group}, which is no group.{suggestion(group, groups)}"


def empty_groups(settings: PluginSettings, permits: Collection[Permit]) -> dict[str, str]:
    """Return, by plugin, what is to be said of groups that it names and no admin has filled."""
    known = [*BUILT_IN, *settings.groups]
    return {
        one.plugin: f"{one.word} is for {one.group}, which nobody is in before plugins.groups says who."
        f"{suggestion(one.group, [*settings.groups])}"
        for one in permits
        if one.group not in known
    }


def suggestion(name: str, known: list[str]) -> str:
    """Return the question whether something near was meant; nothing where nothing is near."""
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""
