"""What plugins offer operators: verbs of the command line, and numbers among the metrics."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bbs_core.cli import main
from tests.platform.outside import put
from tests.support import BoardProcess

DICE = """
    from bbs_core.plugin import UserError, User, hookimpl, verb

    @verb("stats")
    async def stats(server, days: int = 7):
        return [f"{days} days", f"{len(server.online)} on line"]

    @verb("tell")
    async def tell(server, whom: User, *words: str):
        await server.notify(whom.name, " ".join(words))

    @verb("refuse")
    def refuse():
        raise UserError("not today")

    @verb("break")
    def break_it():
        raise SystemExit(3)

    @hookimpl
    def bbs_metrics():
        return {"rolls": 3, "luck": 0.5, "name": "dice"}
"""
NO_VERB = "No plugin {} with the verb {} is at work."
BROKEN = """
    from bbs_core.plugin import hookimpl

    @hookimpl
    def bbs_metrics():
        return 42
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    data = tmp_path_factory.mktemp("board")
    put(data, "dice.py", DICE)
    put(data, "broken.py", BROKEN)
    with BoardProcess(data) as running:
        yield running


def run(data: Path, *words: str) -> tuple[int, str]:
    """Return the exit code of `bbs plugin run`, and what it printed."""
    done = CliRunner().invoke(main, ["plugin", "run", "--data", str(data), *words])
    return done.exit_code, done.output.strip()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("dice", "stats"), 0, "7 days\n0 on line"),
        (("dice", "stats", "3"), 0, "3 days\n0 on line"),
        (("dice", "stats", "-3"), 0, "-3 days\n0 on line"),
        (("dice", "stats", "x"), 2, "Error: Usage: stats [days] (days: it should be a valid integer)"),
        (("dice", "refuse"), 2, "Error: not today"),
        (
            ("dice", "nothing"),
            2,
            "Error: No plugin dice with the verb nothing is at work. It has stats, tell, refuse, break.",
        ),
        (("nobody", "stats"), 2, f"Error: {NO_VERB.format('nobody', 'stats')}"),
    ],
)
def test_a_verb_is_typed_as_a_command_is(board: BoardProcess, words: tuple[str, ...], code: int, said: str) -> None:
    assert run(board.data, *words) == (code, said)


def test_a_verb_that_breaks_is_an_incident(board: BoardProcess) -> None:
    code, said = run(board.data, "dice", "break")
    assert code == 2
    assert said.startswith("Error: The plugin dice failed (incident ")


def test_a_verb_acts_on_the_running_board(board: BoardProcess) -> None:
    with board.client("ann lee") as ann:
        ann.post("here I am")
        ann.list()
        assert run(board.data, "dice", "tell", "ann lee", "hello", "you") == (0, "")
        assert "* hello you" in ann.list()


def test_without_a_server_there_is_one_sentence(tmp_path: Path) -> None:
    assert run(tmp_path, "dice", "stats") == (2, "Error: No board that could do it is running in this data folder.")


def test_the_numbers_of_plugins_are_among_the_metrics(board: BoardProcess) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{board.admin_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("bbs_plugin_value{")]
    assert found == [
        'bbs_plugin_value{name="luck",plugin="dice"} 0.5',
        'bbs_plugin_value{name="rolls",plugin="dice"} 3.0',
    ]
