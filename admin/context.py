"""What the console is given by whoever starts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Semaphore
from typing import cast

from flask import current_app

from bbs_core.ledger import Ledger
from bbs_core.platform.calls import Calls
from bbs_core.settings import Settings
from bbs_core.store.access import Access

EXTENSION = "bbs"


@dataclass(frozen=True)
class ConsoleContext:
    """The board as the console sees it; everything here is called from the console's own threads.

    `start` are the settings that the process was started with; what staff have changed is in the database.
    `calls` are those of the plugins that this process has.
    `health` returns at least {"status": "ok" | "failing"}. `secret_key` signs the session cookies: 32 random bytes.
    Who has `setup_key` may become the first owner; where there is staff, or it is None, nobody may.
    """

    access: Access
    ledger: Ledger
    start: Settings
    calls: Calls
    health: Callable[[], Mapping[str, object]]
    metrics: Callable[[], bytes]
    secret_key: bytes = field(repr=False)
    setup_key: str | None = field(default=None, repr=False)

    @cached_property
    def acting(self) -> Semaphore:
        """Room for actions of plugins, which may take long: one thread is left for all else, if there are several."""
        return Semaphore(max(1, self.start.admin.threads - 1))


def board() -> ConsoleContext:
    """Return the context of the application that answers this request."""
    return cast(ConsoleContext, current_app.extensions[EXTENSION])
