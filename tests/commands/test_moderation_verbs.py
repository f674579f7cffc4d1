"""`bbs user`, `ban`, `mute`, `plugin` and `audit` on a live server, and on what it left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.board import Operator
from tests.support import BoardProcess, bbs


@pytest.fixture
def operator(board: BoardProcess) -> Operator:
    """Somebody beside a running board."""
    return Operator(board.data, board.database)


def test_a_ban_and_a_mute_and_what_becomes_of_them(board: BoardProcess, operator: Operator) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("hello")
        assert len(ann.list()) == len(bob.list()) == 1
        assert operator.bbs("ban", "add", "user", "ann", "--reason", "spam", "--hours", "2", "--hide-posts") == [
            "This is the ban 1."
        ]
        assert ann.list()[0].endswith(" UTC: spam")
        assert bob.list() == []
        [line] = operator.bbs("ban", "list")
        assert line.startswith("1: user ann, until 20")
        assert operator.bbs("mute", "add", "user", "bob", "--reason", "loud", "--note", "third time") == [
            "This is the mute 2."
        ]
        assert bob.list() == ["* You may read, and not write: loud"]
        operator.bbs("mute", "lift", "2", "--reason", "calm")
        assert operator.bbs("audit", "undo", "1", "--reason", "a mistake") == ["Act 1 is undone, by act 5."]
        assert bob.list() == ["127.0.0.1 hello"]
    assert operator.bbs("ban", "list") == operator.bbs("mute", "list") == []
    assert operator.fails("ban", "lift", "2", "--reason", "x") == (2, "Error: There is no ban 2.\n")
    code, said = operator.fails("ban", "add", "ip", "127.0.0.1", "--reason", "x")
    assert (code, "own machine. Use force" in said) == (2, True)


def test_users_are_listed_and_kicked(board: BoardProcess, operator: Operator) -> None:
    with board.client("ann") as ann:
        ann.post("one")
        ann.list()
        [line] = operator.bbs("user", "list")
        assert line.startswith("1: ann, 1 posts, 1 visits, the last on 20")
        [line] = operator.bbs("user", "online")
        assert line.endswith(": ann from 127.0.0.1")
        operator.bbs("user", "kick", "ann", "--reason", "go home")
        assert ann.list() == ["The staff has ended your session: go home"]
    code, said = operator.fails("user", "kick", "nobody", "--reason", "x")
    assert (code, said) == (2, "Error: There is no user of this name.\n")


def test_plugins_are_switched(board: BoardProcess, operator: Operator) -> None:
    assert "who: loaded, built-in, /who" in operator.bbs("plugin", "list")
    with board.client("ann") as ann:
        operator.bbs("plugin", "disable", "who", "--reason", "private")
        ann.post("/who")
        assert ann.list() == ["127.0.0.1 /who"]
        operator.bbs("plugin", "enable", "who", "--reason", "wanted")
        ann.post("/who")
        assert ann.list()[1:] == ["* 1 on line:", "* ann"]
    lines = operator.bbs("audit", "list", "--target", "plugin:who")
    assert [line.split(", ")[1] for line in lines] == ["plugin.enable", "plugin.disable"]
    assert lines[0].endswith(", plugin who: wanted")


def test_they_work_on_what_a_server_left(tmp_path: Path) -> None:
    operator = Operator(tmp_path, "")
    with BoardProcess(tmp_path) as board:
        assert board.terminate() == 0
    code, said = operator.fails("plugin", "disable", "who", "--reason", "x")
    assert (code, said.startswith("Error: No server of this board runs")) == (2, True)
    listed = bbs("plugin", "list", "--data", tmp_path)
    nobody = "No server of this board runs, and servers alone know their plugins.\n"
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "", nobody)
    operator.bbs("ban", "add", "user", "ann", "--reason", "spam")
    with BoardProcess(tmp_path) as board, board.client("ann") as ann:
        assert ann.list() == ["You are banned: spam"]
        assert board.terminate() == 0
