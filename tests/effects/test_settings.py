"""Settings and plugins that staff change while users are on line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbs_core import plugin_switches, runtime_settings
from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.settings import Settings
from tests.effects.kit import act, change, the_act
from tests.wire.live import LiveBoard

DICE = '''
from bbs_core.plugin import command

rolls = []

@command("/roll")
def roll(session, text=""):
    """Roll."""
    rolls.append(text)
    return f"roll {len(rolls)}"
'''


def put(folder: Path, name: str, text: str) -> None:
    (folder / "plugins").mkdir(parents=True, exist_ok=True)
    (folder / "plugins" / name).write_text(text)


def test_the_look_changes_for_the_next_list_and_back(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        ann.post("one")
        ann.dm("ann", "psst")
        assert (ann.list(), ann.listdm()) == (["127.0.0.1 one"], ["psst"])
        act_id = change(board, {"server.preset": "community"})
        ann.post("two")
        assert (ann.list(), ann.listdm()) == (["ann: one", "ann: two"], ["ann: psst"])
        act(board, runtime_settings.put_back, the_act(board, act_id), board.settings, "as before")
        assert (ann.list(), ann.listdm()) == (["127.0.0.1 one", "127.0.0.1 two"], ["psst"])


def test_posts_that_are_kept_while_the_look_changes_are_all_there(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        for number in range(300):
            ann.post(f"{number}")
            if number % 100 == 50:
                change(board, {"board.post_row": f"{number}> {{text}}"})
        assert ann.list() == [f"250> {number}" for number in range(300)]


def test_a_restart_keeps_what_was_changed(tmp_path: Path, database_url: str) -> None:
    server = {"database": database_url}
    with LiveBoard(tmp_path, server=server) as board, board.client("ann") as ann:
        ann.post("one")
        ann.list()
        change(board, {"board.post_row": "{id}. {text}"})
    with LiveBoard(tmp_path, server=server) as board, board.client("ann") as ann:
        assert ann.list() == ["1. one"]


def test_many_settings_are_one_act_with_a_part_for_each(board: LiveBoard) -> None:
    parent_id = change(board, {"board.window": 3, "board.slash": "reserved"})
    assert the_act(board, parent_id)["target_kind"] == "bulk"
    parts = [the_act(board, parent_id + number) for number in (1, 2)]
    assert [(part["target_id"], part["parent_id"]) for part in parts] == [
        ("board.window", parent_id),
        ("board.slash", parent_id),
    ]


def test_mistakes_are_named_and_change_nothing(board: LiveBoard) -> None:
    for key, value, why in [
        ("board.window", "three", "board.window must be a whole number from 0 to 1000000."),
        ("board.post_row", "no field", "must contain {text}"),
        ("server.port", 1, "cannot be changed while the board runs"),
        ("board.mode", "closed", 'board.mode must be one of "open"'),
    ]:
        with pytest.raises(InvalidAct, match=why):
            change(board, {key: value})
    with pytest.raises(NotFound):
        change(board, {"board.colour": "red"})
    with pytest.raises(InvalidAct):
        change(board, {})
    assert board.app.access.read(runtime_settings.read_changes) == {}


def test_of_two_who_edit_the_second_hears_who_was_first(board: LiveBoard) -> None:
    start = board.settings
    act(board, runtime_settings.change, start, {"board.window": 3}, "mine", versions={"board.window": 0})
    with pytest.raises(Conflict, match="olga was first"):
        act(board, runtime_settings.change, start, {"board.window": 4}, "no, mine", versions={"board.window": 0})
    first = the_act(board, 1)
    change(board, {"board.window": 5})
    with pytest.raises(Conflict, match="was changed since"):
        act(board, runtime_settings.put_back, first, start, "undo")


def test_another_preset_leaves_what_the_file_says(tmp_path: Path) -> None:
    start = Settings.model_validate({"board": {"window": 50}})
    now = runtime_settings.effective(start, {"server.preset": "community"})
    assert (now.board.window, now.board.post_row) == (50, "{username}: {text}")
    back = runtime_settings.effective(now, {"server.preset": "original"})
    assert (back.board.window, back.board.post_row) == (50, "{ip} {text}")


def test_a_plugin_is_switched_off_and_on_and_keeps_its_neighbours(tmp_path: Path) -> None:
    put(tmp_path, "dice.py", DICE)
    put(tmp_path, "coin.py", DICE.replace("roll", "flip"))
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        start = board.settings
        ann.post("/roll")
        ann.post("/flip")
        assert ann.list() == ["* roll 1", "* flip 1"]
        act(board, plugin_switches.disable_plugin, start, "dice", "noisy")
        ann.post("/roll")
        ann.post("/flip")
        assert ann.list() == ["127.0.0.1 /roll", "* flip 2"]
        with pytest.raises(Conflict, match="off already"):
            act(board, plugin_switches.disable_plugin, start, "dice", "noisy")
        act(board, plugin_switches.enable_plugin, start, "dice", "quiet again")
        ann.post("/roll")
        ann.post("/flip")
        assert ann.list()[1:] == ["* roll 1", "* flip 3"]
        with pytest.raises(Conflict, match="on already"):
            act(board, plugin_switches.enable_plugin, start, "dice", "again")
        with pytest.raises(InvalidAct, match="leave by it"):
            act(board, plugin_switches.disable_plugin, start, "quit", "no")
        with pytest.raises(NotFound):
            act(board, plugin_switches.disable_plugin, start, "nothing", "no")


def test_a_stock_command_that_is_switched_off_says_so(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        act(board, plugin_switches.disable_plugin, board.settings, "dm", "a test today")
        ann.dm("ann", "psst")
        assert ann.list() == ["* Your message was not sent: dm is switched off."]
        act(board, plugin_switches.enable_plugin, board.settings, "dm", "the test is over")
        ann.dm("ann", "psst")
        assert ann.listdm() == ["psst"]
