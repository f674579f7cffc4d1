"""A plugin ends a session: the user is told, in advance as always, and loses nothing that was taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.outside import put
from tests.wire.live import LiveBoard

DOOR = """
    from bbs_core.plugin import command, hookimpl, never_blocks

    on_line = {}

    @hookimpl
    def bbs_session_opened(session):
        on_line[session.username] = session

    @command("/kick")
    def kick(session, text):
        on_line[text].notify("Come back tomorrow.")
        on_line[text].end("You were asked to leave.")

    @command("/leave")
    @never_blocks
    def leave(session):
        session.end()
        return "Goodbye."

    @command("/rename")
    def rename(session):
        session.username = "someone else"
"""
TOLD = ["You were asked to leave.", "* Come back tomorrow."]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LiveBoard]:
    put(tmp_path, "door.py", DOOR)
    with LiveBoard(tmp_path) as running:
        yield running


def test_a_session_that_another_ends_is_told_before_it_says_anything(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("kept")
        ann.listdm()
        bob.post("/kick ann")
        assert list(ann.rows()) == TOLD
        assert ann.sock.recv(1) == b""
        ann.post("too late")
        ann.close()
        assert board.departed() == "ann"
        assert bob.list() == ["127.0.0.1 kept"]
        bob.post("/who")
        assert bob.list()[1:] == ["* 1 on line:", "* bob"]


def test_a_session_that_ends_itself_takes_nothing_that_was_sent_behind(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("kept")
        ann.sock.sendall(b"0006/leave0009not taken")
        assert list(ann.rows()) == ["Your session was ended.", "* Goodbye."]
        assert ann.sock.recv(1) == b""
        assert bob.list() == ["127.0.0.1 kept"]


def test_nobody_is_ended_twice(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        for _ in range(3):
            bob.post("/kick ann")
        bob.list()
        assert list(ann.rows())[:2] == TOLD
        assert ann.sock.recv(1) == b""


def test_a_session_keeps_the_name_that_its_user_gave(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        ann.post("/rename")
        ann.post("/who")
        failed, *names = ann.list()
        assert failed.startswith("* The plugin door failed")
        assert names == ["* 1 on line:", "* ann"]
    assert board.departed() == "ann"
    assert board.call(board.app.presence.names) == []
