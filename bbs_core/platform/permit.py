"""What is said of one command: who may use it, and how often."""

from __future__ import annotations

from dataclasses import dataclass

from bbs_core.groups import EVERYONE
from bbs_core.platform.commands import written
from bbs_core.platform.discovery import Marked
from bbs_core.plugin_settings import PluginSettings, rate_of
from bbs_core.public.rates import Rate


@dataclass(frozen=True)
class Permit:
    """What is said of a command: by its plugin, and above that by the admin in `access` and `limit`."""

    word: str
    plugin: str = ""
    may: str = EVERYONE
    rate: Rate | None = None
    # None is without a word; the limit of an admin may be none at all, and then is one of theirs too.
    access: str | None = None
    limit: str | None = None

    @classmethod
    def of(cls, one: Marked, word: str, plugin: str, settings: PluginSettings) -> Permit:
        """Return the permit of a command's function, under these settings."""
        may, rate = getattr(written(one.function), "bbs_allowed", (EVERYONE, None))
        return cls(word, plugin, may, rate, settings.access.get(word), settings.rates.get(word))

    @property
    def group(self) -> str:
        """Who may use it."""
        return self.may if self.access is None else self.access

    @property
    def bound(self) -> Rate | None:
        """How often each user may."""
        return self.rate if self.limit is None else rate_of(self.limit)
