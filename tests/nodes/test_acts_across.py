"""What is done on one node, or by a console of its own, takes effect on every other within two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bbs_core import moderation, plugin_options, plugin_switches, presence, runtime_settings, sanctions
from bbs_core.host import FOLDER, PluginSet
from bbs_core.ledger import Actor, Ledger, open_key
from bbs_core.platform.discovery import files
from bbs_core.plugin_settings import PluginSettings
from bbs_core.proposals import Proposal
from bbs_core.settings import Settings
from bbs_core.store.access import DirectAccess
from bbs_core.store.engine import database_url, writing_engine
from tests.console.configurable import DICE
from tests.platform.outside import put
from tests.stock.double import StockClient
from tests.support import BoardProcess, fresh_postgres_database

STAFF = Actor("staff", "olga", "console")
# The promise; the bell is what makes it short, as the timer is an hour away.
PROMISED_S = 2.0
SLOW_BELL_S = 3600


class Console:
    """A console in a process of its own, as far as the database can tell."""

    def __init__(self, url: str, data: Path) -> None:
        self.engine = writing_engine(database_url(url, data))
        self.access = DirectAccess(self.engine)
        self.ledger = Ledger(open_key(data))
        self._folder = data / FOLDER

    def act(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.access.write(lambda connection: function(connection, self.ledger, STAFF, *arguments))

    def configure(self, plugin: str, values: dict[str, Any]) -> int:
        """Set settings of a plugin, which the console has as the nodes do."""
        models = PluginSet(PluginSettings(), files(self._folder)).configured
        arguments = (self.access, self.ledger, STAFF, Settings(), models)
        return plugin_options.change(*arguments, plugin, values, "a new game")

    def on_line(self) -> dict[str, int]:
        return {row["name"]: row["id"] for row in self.access.read(presence.list_sessions)}


@pytest.fixture
def running(tmp_path: Path, postgres_url: str) -> Iterator[tuple[BoardProcess, BoardProcess, Console]]:
    for node in ("one", "two"):
        put(tmp_path / node, "dice.py", DICE)
    with (
        fresh_postgres_database(postgres_url) as url,
        BoardProcess(tmp_path / "one", url, store_bell_interval_s=SLOW_BELL_S) as one,
        BoardProcess(tmp_path / "two", url, store_bell_interval_s=SLOW_BELL_S) as two,
    ):
        console = Console(url, tmp_path / "one")
        yield one, two, console
        console.engine.dispose()


def soon(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """Ask until the answer is as wanted, which has to be in the promised time."""
    end = time.monotonic() + PROMISED_S
    found = look()
    while not wanted(found):
        assert time.monotonic() < end, found
        found = look()
    return found


def test_every_kind_of_act_arrives_on_both_nodes(running: tuple[BoardProcess, BoardProcess, Console]) -> None:
    one, two, console = running
    with one.client("ann") as ann, two.client("bob") as bob:
        ann.post("hello")
        ann.list()
        soon(bob.list, lambda rows: rows == ["127.0.0.1 hello"])
        console.act(moderation.hide_post, 1, "rude")
        for client in (ann, bob):
            soon(client.list, lambda rows: rows == [])
        console.act(moderation.restore_post, 1, "not so rude")
        console.act(runtime_settings.change, Settings(), {"board.post_row": "{username}> {text}"}, "nicer")
        for client in (ann, bob):
            soon(client.list, lambda rows: rows == ["ann> hello"])
        console.act(plugin_switches.disable_plugin, Settings(), "who", "private")
        soon(lambda: _tried(ann), lambda rows: "ann> /who" in rows)
        soon(lambda: _tried(bob), lambda rows: "bob> /who" in rows)
        console.configure("dice", {"sides": 20})
        for client in (ann, bob):
            soon(lambda client=client: _tried(client, "/sides"), lambda rows: "* 20 sides" in rows)  # type: ignore[misc]
    _both_end(one, two, console)


def _tried(client: StockClient, command: str = "/who") -> list[str]:
    client.post(command)
    return client.list()


def _both_end(one: BoardProcess, two: BoardProcess, console: Console) -> None:
    with one.client("kim") as kim, two.client("lea") as lea:
        found = soon(console.on_line, lambda names: names.keys() >= {"kim", "lea"})
        console.act(presence.kick, found["lea"], "too loud")
        soon(lea.list, lambda rows: rows == ["The staff has ended your session: too loud"])
        console.act(sanctions.add, Proposal("ban", "user", "kim", "spam"))
        soon(kim.list, lambda rows: rows == ["You are banned: spam"])
    for node in (one, two):
        with node.client("kim") as kim:
            soon(kim.list, lambda rows: rows == ["You are banned: spam"])


def test_a_node_that_died_is_on_line_no_more(running: tuple[BoardProcess, BoardProcess, Console]) -> None:
    one, two, console = running
    with one.client("ann"), two.client("bob"):
        soon(console.on_line, lambda names: names.keys() == {"ann", "bob"})
        assert len(console.access.read(presence.list_nodes)) == 2
    assert two.terminate() == 0
    assert len(console.access.read(presence.list_nodes)) == 1
