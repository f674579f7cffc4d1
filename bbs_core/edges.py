"""What the console and the control socket are given of a running board, and what they may ask of it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bbs_core import acts, keys, metrics
from bbs_core.acts import EXPLAIN, RUN_VERB, checked_question, checked_verb
from bbs_core.chunks import Cache
from bbs_core.dispatch import Dispatch
from bbs_core.explaining import explain
from bbs_core.ledger import Ledger
from bbs_core.metrics import Counts
from bbs_core.platform import personal
from bbs_core.platform.calls import Calls
from bbs_core.presence import Presence
from bbs_core.settings import AdminSettings, Settings
from bbs_core.store.access import LiveAccess
from bbs_core.store.commits import Commits
from bbs_core.store.writer import Writer

METRICS_TIMEOUT_S = 1.0
CONSOLE_KEY_FILE = "console.key"


class ConsoleServer(Protocol):
    """What the core needs to know of the console that it starts."""

    port: int

    def start(self) -> None:
        """Start to answer."""

    def stop(self) -> None:
        """Stop within a second."""


@dataclass(frozen=True)
class Edges:
    """The parts that are shown and asked; from any thread but the loop's, except for `health`."""

    data: Path
    start: Settings
    access: LiveAccess
    ledger: Ledger
    calls: Calls
    dispatch: Dispatch
    presence: Presence
    counts: Counts
    commits: Commits
    writer: Writer
    cache: Cache
    connections: Callable[[], int]

    def health(self) -> dict[str, object]:
        """Say whether the board can keep what it is sent."""
        failing = self.writer.failing
        return {"status": "failing" if failing else "ok", "writer": str(failing or "ok")}

    def perform(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do an act that came by the control socket."""
        if name == RUN_VERB:
            verb = checked_verb(arguments)
            return {"rows": self.calls.run(self.dispatch.run_verb(verb.plugin, verb.verb, verb.text))}
        if name == EXPLAIN:
            asked = checked_question(arguments)
            return self.calls.run(explain(self.dispatch, self.presence, asked.user, asked.command, asked.address))
        asking = {what.__name__: functools.partial(what, self.calls) for what in (personal.export, personal.forget)}
        desk = acts.Desk(self.access, self.ledger, self.start, self.calls.configured, **asking)
        outcome = acts.perform(desk, acts.operator(), name, arguments)
        problem = self.calls.plugins.problem
        return {**outcome, "problem": problem(arguments["name"])} if name == acts.RELOAD else outcome

    def console(self, settings: AdminSettings, setup_key: str | None) -> ConsoleServer:
        """Return the console, not started; it is named by string, so that the core can be had without it."""
        admin: Any = importlib.import_module("admin")
        registry = metrics.new_registry(self.counts, self._gauges())
        context = admin.ConsoleContext(
            access=self.access,
            ledger=self.ledger,
            start=self.start,
            calls=self.calls,
            health=self.health,
            metrics=lambda: metrics.render(registry),
            secret_key=keys.open_key(self.data / CONSOLE_KEY_FILE),
            setup_key=setup_key,
        )
        serving: Any = importlib.import_module("admin.serving")
        console: ConsoleServer = serving.ConsoleServer(admin.create_app(context), settings)
        return console

    def _gauges(self) -> metrics.Gauges:
        return metrics.Gauges(
            sessions=lambda: len(self.presence),
            connections=self.connections,
            waiting_rows=lambda: self.commits.waiting_rows,
            memory_bytes=lambda: self.cache.size_bytes,
            commits=lambda: self.writer.commits,
            writer_failing=lambda: self.writer.failing is not None,
            plugin_failures=lambda: self.calls.plugins.failure_counts(),
            plugin_values=self._plugin_values,
        )

    def _plugin_values(self) -> dict[tuple[str, str], float]:
        """Ask the plugins, in the loop; whoever asks for metrics waits no longer than this."""
        try:
            return self.calls.wait_for(self.dispatch.metrics(), METRICS_TIMEOUT_S)
        except TimeoutError:
            return {}
