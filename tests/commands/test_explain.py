"""`bbs plugin explain`, with a server that runs: which rule decides, as the server itself would at this moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.board import Operator
from tests.docs.fences import block
from tests.platform import guarded
from tests.platform.outside import put
from tests.support import BoardProcess

SOURCE = Path(guarded.__file__).read_text()
TEACHERS = json.dumps({"teachers": ["alice", "10.0.0.0/24"]})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    data = tmp_path_factory.mktemp("explained")
    put(data, "guarded.py", SOURCE)
    put(data, "fancy.py", SOURCE.replace('"/', '"/fancy-').replace("teachers", "painters"))
    with BoardProcess(data, plugins_groups=TEACHERS, plugins_rates="/who=1/h") as process:
        yield process


@pytest.fixture(scope="module")
def operator(running: BoardProcess) -> Operator:
    return Operator(running.data, "")


def test_each_rule_is_shown_and_the_one_that_decides_is_marked(operator: Operator) -> None:
    assert operator.bbs("plugin", "explain", "alice", "/grade", "--address", "::ffff:192.0.2.1") == [
        "alice, /grade, from 192.0.2.1",
        "  plugin  passes   It is a command of guarded, which is at work.",
        "  ban     passes   No ban concerns this user.",
        "  writing passes   No mute and no mode of the board keeps this user from writing.",
        "  access  silent   The admin has said nothing of /grade in plugins.access.",
        "> may     passes   In teachers is alice.",
        "  rate    silent   It has no limit.",
    ]
    code, told = operator.fails("plugin", "explain", "eve", "grade", "--address", "192.0.2.1")
    assert (code, told.splitlines()[-1]) == (1, "> may     refuses  /grade is for teachers.")
    code, told = operator.fails("plugin", "explain", "alice", "/fancy-grade")
    assert code == 1
    assert told.splitlines()[0] == "alice, /fancy-grade, from an address that is not known: try --address"
    assert told.splitlines()[-1] == (
        "> may     refuses  /fancy-grade is for painters."
        " The group painters is empty: nobody has said who that is: name them in plugins.groups."
    )


def test_the_page_for_operators_shows_what_is_told(operator: Operator) -> None:
    asked, *told = block("docs/operating.md", "bbs plugin explain").splitlines()
    words = asked.removeprefix("$ .venv/bin/bbs ").split()
    assert operator.fails(*words) == (1, "\n".join([*told, ""]))


def test_what_the_server_has_in_memory_counts(running: BoardProcess, operator: Operator) -> None:
    with running.client("eve") as eve:
        eve.post("/who")
        eve.list()
        code, told = operator.fails("plugin", "explain", "eve", "/who")
        assert (code, told.splitlines()[0]) == (1, "eve, /who, from 127.0.0.1")
        refused = "You may use /who once an hour: again in 60 minutes."
        assert told.splitlines()[-1] == f"> rate    refuses  {refused}"
        eve.post("/who")
        assert eve.list() == [f"* {refused}"]
    operator.bbs("ban", "add", "user", "eve", "--reason", "enough")
    code, told = operator.fails("plugin", "explain", "eve", "/grade")
    assert (code, told.splitlines()[-1]) == (1, "> ban     refuses  You are banned: enough")


def test_what_cannot_be_explained_is_one_sentence(running: BoardProcess, operator: Operator, tmp_path: Path) -> None:
    assert operator.fails("plugin", "explain", "eve", "/grad") == (
        2,
        "Error: There is no command /grad of a plugin that is on. Did you mean /grade?\n",
    )
    assert operator.fails("plugin", "explain", "eve", "/grade", "--address", "home") == (
        2,
        "Error: home is no address.\n",
    )
    alone = Operator(tmp_path, "")
    assert alone.fails("plugin", "explain", "eve", "/grade") == (
        2,
        "Error: No board that could do it is running in this data folder.\n",
    )
