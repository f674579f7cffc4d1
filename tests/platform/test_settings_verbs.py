"""`bbs plugin settings` and `bbs plugin set`, with a server that runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bbs_core.cli import main
from bbs_core.public.options import MASK
from tests.platform.configurable import DICE, NEEDY, SECRET
from tests.platform.outside import put
from tests.support import BoardProcess


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    data = tmp_path_factory.mktemp("running")
    put(data, "dice.py", DICE)
    put(data, "needy.py", NEEDY)
    options = {"dice": {"key": SECRET, "words": ["a"]}}
    with BoardProcess(data, plugins_options=json.dumps(options)) as process:
        yield process


def bbs(board: BoardProcess, *words: str, stdin: str = "") -> tuple[int, list[str]]:
    """Return the exit code of `bbs plugin`, and the lines that it printed."""
    done = CliRunner().invoke(main, ["plugin", *words, "--data", str(board.data)], stdin)
    assert SECRET not in done.output
    return done.exit_code, done.output.splitlines()


def test_the_command_line_shows_and_sets_them(running: BoardProcess) -> None:
    assert bbs(running, "settings", "dice") == (
        0,
        [
            "sides = 6  # How many sides a die has.",
            "least = 1",
            'words = ["a"]',
            f'key = "{MASK}"  # For the service.',
            "accounts = []",
        ],
    )
    assert bbs(running, "set", "dice", "sides=20", "words=a,b c", "--reason", "a game") == (
        0,
        ["The settings of dice are in force."],
    )
    assert bbs(running, "settings", "dice")[1][:3] == [
        "sides = 20  # How many sides a die has. Set by the staff.",
        "least = 1",
        'words = ["a", "b c"]  # Set by the staff.',
    ]
    bbs(running, "set", "dice", "key", "--default", "sides", "--reason", "another", stdin=f"{SECRET}-3\n")
    with running.client("ann") as ann:
        for command in ("/sides", "/key"):
            ann.post(command)
        assert ann.list() == ["* 6 sides", f"* {SECRET}-3"]


def test_the_command_line_names_mistakes_and_a_plugin_begins_once_it_has_its_value(running: BoardProcess) -> None:
    code, [error] = bbs(running, "set", "dice", "sieds=20", "--reason", "a game")
    assert (code, error) == (
        2,
        "Error: dice.sieds: There is no such setting (dice.py:17). Did you mean sides?",
    )
    code, [error] = bbs(running, "settings", "nothing")
    assert (code, error) == (2, "Error: There is no plugin 'nothing' with settings at work here.")
    assert bbs(running, "settings", "needy") == (0, ["It needs a value for needy.key."])
    assert bbs(running, "set", "needy", "key", "--reason", "it came", stdin=SECRET)[0] == 0
    with running.client("ann") as ann:
        ann.post("/needy")
        assert ann.list()[-1] == "* It works."
    assert SECRET not in running.output


def test_without_a_server_there_is_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["plugin", "settings", "dice", "--data", str(tmp_path)])
    assert (done.exit_code, done.output) == (2, "Error: No board that could do it is running in this data folder.\n")
