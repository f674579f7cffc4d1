"""The settings that concern all plugins; what each has of its own stands in `options`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, PrivateAttr, field_validator

from bbs_core.groups import BUILT_IN, Group, check_name
from bbs_core.public.rates import Rate
from bbs_core.setting_types import MIB, Name, Names, RateText, Section, Threads, Timeout

PROTOCOL_WORDS = frozenset({"dm", "list", "listdm", "listdms", "quit"})


def rate_of(text: str) -> Rate | None:
    """Return the rate that an admin has set, None where it is without limit. Raises ValueError."""
    return None if text in ("", "none") else Rate.of(text)


def _without_quit(words: dict[str, str]) -> dict[str, str]:
    if "quit" in words:
        raise ValueError("quit is everyone's (stock clients leave by it)")
    return words


class PluginSettings(Section):
    """Which plugins run, and how much they may take."""

    disabled: Names = Field((), description="Plugins that are not loaded, by name; quit always is.")
    enabled: Names = Field(
        (),
        description="Built-in plugins that the original has nothing like: report, search, new, motd, automod, webhook.",
    )
    replace: dict[Name, Name] = Field(
        {}, description="Command word = the plugin that may take it over; nothing is replaced unasked."
    )
    bare_words: Names = Field((), description="Words without a slash that plugins may take; any other would be a post.")
    groups: dict[Name, Names] = Field(
        {},
        description='Groups: teachers = ["alice", "10.0.0.0/24"], of names, addresses and networks; a name is a claim.',
    )
    access: dict[Name, Name] = Field(
        {}, description="Command word = the group that may use it, whatever its plugin says."
    )
    rates: dict[Name, RateText] = Field(
        {}, description='Command word = how often each user may use it, as in "5/m"; "none" is without limit.'
    )
    deadline_s: float = Field(
        5.0, ge=0.01, le=600, description="Seconds a call may take unless its hook says otherwise; users wait for it."
    )
    quarantine_failures: int = Field(
        5, ge=1, le=10_000, description="Failures within the window after which a plugin is set aside."
    )
    quarantine_window_s: Timeout = Field(
        60.0, description="Seconds over which failures are counted; old ones are forgiven."
    )
    threads: Threads = Field(4, description="Threads per plugin for its blocking calls, so that none starves another.")
    worker_memory_bytes: int = Field(
        256 * MIB,
        ge=MIB,
        le=1024 * 1024 * MIB,
        description="Bytes that a plugin's own process may take, beyond what it has once it is started.",
    )
    options: dict[Name, dict[str, Any]] = Field(
        {}, repr=False, description="Settings of plugins by their names: below [plugins.options.dice] stands sides = 8."
    )
    safe_mode: bool = Field(False, description="Load the built-in plugins alone, to find out whose fault something is.")
    strict: bool = Field(False, description="Refuse to start where a plugin cannot be loaded.")
    # What staff have set of plugins, above `options`; it comes from the database, so no file or variable names it.
    _chosen: Mapping[str, Mapping[str, Any]] = PrivateAttr(default_factory=dict)

    def chosen(self, name: str) -> Mapping[str, Any]:
        """Return what staff have set of a plugin."""
        return self._chosen.get(name, {})

    def choosing(self, chosen: Mapping[str, Mapping[str, Any]]) -> PluginSettings:
        """Return the same settings with what staff have set of plugins, by their names."""
        settings = self.model_copy()
        settings._chosen = chosen
        return settings

    def switches_off(self, name: str, optional: bool) -> bool:
        """Whether a plugin is not to be loaded; an optional one is only if it is asked for."""
        return name != "quit" and (name in self.disabled or (optional and name not in self.enabled))

    @field_validator("disabled")
    @classmethod
    def _keeps_quit(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if "quit" in names:
            raise ValueError("quit cannot be disabled (stock clients leave by it)")
        return names

    @field_validator("groups")
    @classmethod
    def _are_groups(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, members in groups.items():
            if check_name(name) in BUILT_IN:
                raise ValueError(f"{name} is a group of the board's own (name yours otherwise)")
            try:
                Group(members)
            except ValueError as error:
                raise ValueError(f"{name} has an address that is none ({error})") from None
        return groups

    @field_validator("access")
    @classmethod
    def _name_groups(cls, access: dict[str, str]) -> dict[str, str]:
        for group in access.values():
            check_name(group)
        return _without_quit(access)

    @field_validator("rates")
    @classmethod
    def _are_rates(cls, rates: dict[str, str]) -> dict[str, str]:
        for text in rates.values():
            rate_of(text)
        return _without_quit(rates)

    @field_validator("bare_words")
    @classmethod
    def _are_bare(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if word in PROTOCOL_WORDS:
                raise ValueError(f"{word} is a word of the protocol (plugins.replace gives it to a plugin)")
            if word.startswith("/") or len(word.split()) != 1:
                raise ValueError("a bare word has no slash and no space (a command with a slash needs no permission)")
        return words
