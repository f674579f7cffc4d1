"""The settings of a plugin on a live board: who is given them, and what becomes of a change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bbs_core import plugin_options, undo
from bbs_core.audit import get_act
from bbs_core.errors import Conflict, InvalidAct, InvalidOptions, NotFound
from bbs_core.live_settings import status_of
from bbs_core.public.options import MASK
from tests.effects.kit import STAFF, act, the_act
from tests.platform.configurable import DICE, NEEDY, SECRET, WRAPPER
from tests.platform.outside import put
from tests.wire.live import LiveBoard

WAIT_S = 20


def configure(board: LiveBoard, values: Mapping[str, Any], plugin: str = "dice", version: int | None = None) -> int:
    """Set settings of a plugin as staff do."""
    app = board.app
    models = app.plugins.configured
    return plugin_options.change(
        app.access, app.ledger, STAFF, board.settings, models, plugin, values, "a new game", version
    )


def view(board: LiveBoard, plugin: str = "dice") -> plugin_options.View:
    found = plugin_options.view(board.app.access, board.settings, board.app.plugins.configured, plugin)
    assert found is not None
    return found


def hear(board: LiveBoard, what: str) -> Any:
    """Wait until the plugin has heard something, and return it."""
    while True:
        told = board.app.plugins["dice"].module.heard.get(timeout=WAIT_S)  # type: ignore[union-attr]
        if what in told:
            return told


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBoard]:
    data = tmp_path_factory.mktemp("board")
    for name, source in {"a_wrapper": WRAPPER, "dice": DICE, "needy": NEEDY}.items():
        put(data, f"{name}.py", source)
    with LiveBoard(data, plugins={"options": {"dice": {"sides": 8, "key": SECRET}}}) as live:
        yield live


def test_every_function_of_a_plugin_is_given_what_the_file_says(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        assert hear(board, "opened")[1:] == (8, ["ann"])
        assert hear(board, "tick")[1:] == (8,)
        ann.post("hello")
        for command in ("/sides", "/sides 2", "/key", "/who", "/help"):
            ann.post(command)
        assert ann.list() == [
            "127.0.0.1 hello [8]",
            "* 8 sides",
            "* 10 sides",
            f"* {SECRET}",
            "* 1 on line:",
            "* ann",
            "* 8 sides",
            "* 8 sides, 1 on line",
        ]
    assert board.wait(board.app.dispatch.run_verb("dice", "tell", "")) == ["8 sides"]


def test_a_change_counts_from_the_next_call_and_calls_under_way_keep_what_they_were_given(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("/wait")
        hear(board, "waits")
        before = board.app.plugins["dice"].runner.settings  # type: ignore[union-attr]
        act_id = configure(board, {"sides": 20})
        bob.post("/sides")
        assert bob.list()[-1] == "* 20 sides"
        assert hear(board, "changed") == ("changed", 20)
        assert before.sides == 8
        board.call(board.app.plugins["dice"].module.gates.pop().set)  # type: ignore[union-attr]
        assert ann.list()[-1] == "* 8 sides"
        act(board, undo.undo, board.settings, act_id, "as before")
        bob.post("/sides")
        assert bob.list()[-1] == "* 8 sides"
        assert hear(board, "changed") == ("changed", 8)


def test_another_change_of_the_board_makes_no_new_settings(board: LiveBoard) -> None:
    before = board.app.plugins["dice"].runner.settings  # type: ignore[union-attr]
    configure(board, {"key": "1234"}, "needy")
    with board.client("ann") as ann:
        ann.post("/needy")
        assert ann.list()[-1] == "* It works.!"
    assert board.app.plugins["dice"].runner.settings is before  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"sides": 1}, {("sides",): "Input should be greater than or equal to 2."}),
        ({"sides": "many"}, {("sides",): "Input should be a valid integer, unable to parse string as an integer."}),
        ({"sieds": 3}, {("sieds",): "There is no such setting (dice.py:17). Did you mean sides?"}),
        (
            {"accounts": [{"nmae": "ann"}]},
            {("accounts", 0, "nmae"): "There is no such setting (dice.py:17). Did you mean name?"},
        ),
        ({"least": 9}, {(): f"least is above sides, and the key is {MASK}."}),
        ({"key": MASK, "sides": 3, "words": 7}, {("words",): "Input should be a valid list."}),
        ({"accounts": [{"password": MASK}]}, {("accounts",): "Write the secret itself."}),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(
    board: LiveBoard, values: dict[str, Any], problems: dict[tuple[Any, ...], str]
) -> None:
    before = view(board)
    with pytest.raises(InvalidOptions) as refused:
        configure(board, values)
    assert refused.value.problems == problems
    assert SECRET not in str(refused.value)
    assert view(board) == before


def test_of_two_who_edit_the_second_hears_who_was_first(board: LiveBoard) -> None:
    version = view(board).version
    configure(board, {"words": ["one"]}, version=version)
    with pytest.raises(Conflict, match="The settings of dice were changed meanwhile: olga was first"):
        configure(board, {"words": ["two"]}, version=version)
    with pytest.raises(Conflict, match="are so already"):
        configure(board, {"words": ["one"]})
    configure(board, {"words": None})
    assert (view(board).values["words"], view(board).changed) == ([], [])
    with pytest.raises(NotFound):
        configure(board, {"words": []}, "help")
    with pytest.raises(InvalidAct):
        configure(board, {})


def test_a_secret_is_shown_nowhere(board: LiveBoard) -> None:
    another = f"{SECRET}-2"
    with capture_logs() as lines:
        act_id = configure(board, {"key": another, "accounts": [{"name": "ann", "password": SECRET}]})
        configure(board, {"accounts": [{"name": "ann", "password": SECRET}, {"name": "bob"}], "key": MASK})
    kept = view(board)
    assert kept.values["key"] == MASK
    assert kept.values["accounts"] == [{"name": "ann", "password": MASK}, {"name": "bob", "password": ""}]
    written = the_act(board, act_id)
    assert json.loads(written["after"])["values"] == {"key": MASK, "accounts": [{"name": "ann", "password": MASK}]}
    now = board.app.settings
    acts = board.app.access.read(lambda connection: get_act(connection, act_id + 1))
    for told in (status_of(board.app.plugins), kept, dict(written), acts, now, now.plugins, lines, kept.options.schema):
        assert SECRET not in repr(told)
    with board.client("ann") as ann:
        ann.post("/key")
        assert ann.list()[-1] == f"* {another}"
    with pytest.raises(InvalidAct, match="does not hold secrets"):
        act(board, undo.undo, board.settings, act_id, "as before")
    assert not acts["undoable"]
    configure(board, {"key": None, "accounts": None})


def test_changes_are_undone_from_the_last_and_none_below_another(board: LiveBoard) -> None:
    start = view(board).values
    first, second = configure(board, {"sides": 10}), configure(board, {"least": 9})
    with pytest.raises(Conflict, match="were changed since: olga was first"):
        act(board, undo.undo, board.settings, first, "it would not fit")
    again = act(board, undo.undo, board.settings, second, "back")
    act(board, undo.undo, board.settings, first, "back")
    assert (view(board).values, view(board).changed) == (start, [])
    with pytest.raises(Conflict):
        act(board, undo.undo, board.settings, again, "too late")


def test_what_staff_have_set_survives_a_restart_and_stands_above_the_file(tmp_path: Path, database_url: str) -> None:
    put(tmp_path, "dice.py", DICE)
    where: dict[str, Any] = {"server": {"database": database_url}, "plugins": {"options": {"dice": {"sides": 8}}}}
    with LiveBoard(tmp_path, **where) as board:
        configure(board, {"sides": 20, "key": SECRET})
        configure(board, {"sides": 12})
    with LiveBoard(tmp_path, **where) as board, board.client("ann") as ann:
        for command in ("/sides", "/key"):
            ann.post(command)
        assert ann.list() == ["* 12 sides", f"* {SECRET}"]
        assert (view(board).changed, view(board).version) == (["key", "sides"], 2)
        configure(board, {"sides": None})
        ann.post("/sides")
        assert ann.list() == ["* 8 sides"]
