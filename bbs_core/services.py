"""What all sessions of a server share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from bbs_core.board import Board
from bbs_core.dispatch import Dispatch
from bbs_core.mail import Mail
from bbs_core.metrics import Counts
from bbs_core.noticeboard import Noticeboard
from bbs_core.presence import Presence
from bbs_core.rules import Rules
from bbs_core.search import Indexer
from bbs_core.settings import Settings
from bbs_core.store.access import Connection
from bbs_core.store.commits import Commits
from bbs_core.store.readers import Readers


class SettingsInForce(Protocol):
    """The settings, which staff may change."""

    @property
    def now(self) -> Settings: ...


@dataclass(frozen=True)
class Services:
    """The parts of the board that a session works with."""

    loop: asyncio.AbstractEventLoop
    live: SettingsInForce
    board: Board
    mail: Mail
    commits: Commits
    presence: Presence
    rules: Rules
    noticeboard: Noticeboard
    dispatch: Dispatch
    counts: Counts
    readers: Readers
    indexer: Indexer
    write: Callable[[Callable[[Connection], int]], Future[int]]
