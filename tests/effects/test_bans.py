"""A ban ends what is live, keeps out what comes, and is over by itself when its time is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core import sanctions
from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.proposals import Proposal, preview
from bbs_core.store.models import LiveSession
from tests.effects.kit import BANNED, act, ban
from tests.stock.double import StockClient, receive_message
from tests.wire.live import LiveBoard


def test_a_live_session_reads_the_reason_and_nothing_more_is_accepted(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("hello")
        ann.list()
        ban(board, "user", "ann")
        ann.post("too late")
        ann.dm("bob", "too late")
        assert ann.list() == [BANNED]
        assert ann.quit_and_wait_eof() == b""
        assert board.departed() == "ann"
        assert bob.list() == ["127.0.0.1 hello"]
        assert bob.listdm() == []


def test_a_banned_name_gets_one_row_for_every_list_and_writes_nothing(board: LiveBoard) -> None:
    ban(board, "user", "ann")
    with StockClient("127.0.0.1", board.port, "ann") as ann, board.client("bob") as bob:
        ann.post("hello")
        ann.dm("bob", "list")
        ann.post("/who")
        for words in (ann.list, ann.listdm, ann.list):
            assert words() == [BANNED]
        assert bob.list() == bob.listdm() == []
        assert board.call(board.app.presence.names) == ["bob"]
        assert ann.quit_and_wait_eof() == b""


def test_a_ban_that_is_lifted_lets_the_waiting_session_in(board: LiveBoard) -> None:
    number = ban(board, "user", "ann")
    with StockClient("127.0.0.1", board.port, "ann") as ann:
        assert ann.list() == [BANNED]
        act(board, sanctions.lift, number, "a mistake")
        ann.post("back again")
        assert ann.list() == ["127.0.0.1 back again"]
        assert board.call(board.app.presence.names) == ["ann"]


def test_a_ban_is_over_without_a_human_step(board: LiveBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    ban(board, "user", "ann", expires_in_s=60)
    with StockClient("127.0.0.1", board.port, "ann") as ann:
        [row] = ann.list()
        assert row.startswith("You are banned until ")
        assert row.endswith(" UTC: spam")
        monkeypatch.setattr("bbs_core.rules.now_ms", lambda: 1 << 50)
        ann.post("served")
        assert ann.list() == ["127.0.0.1 served"]


@pytest.mark.parametrize(("kind", "value"), [("ip", "127.0.0.1"), ("cidr", "127.0.0.0/8"), ("cidr", "127.0.0.1/32")])
def test_an_address_ban_is_a_banner_with_reason_and_end(board: LiveBoard, kind: str, value: str) -> None:
    with board.client("ann") as ann:
        number = ban(board, kind, value, expires_in_s=3600)
        assert ann.list()[0].startswith("You are banned until ")
    with socket.create_connection(("127.0.0.1", board.port)) as sock:
        banner = receive_message(sock)
        assert banner.startswith("You are banned until ")
        assert banner.endswith(": spam")
        assert sock.recv(1) == b""
    act(board, sanctions.lift, number, "enough")
    with board.client("ann") as ann:
        assert ann.list() == []


def test_a_restart_knows_who_is_banned(tmp_path: Path, database_url: str) -> None:
    server = {"database": database_url}
    with LiveBoard(tmp_path, server=server) as board:
        ban(board, "user", "ann")
        ban(board, "cidr", "192.0.2.0/24")
    with LiveBoard(tmp_path, server=server) as board:
        with StockClient("127.0.0.1", board.port, "ann") as ann:
            assert ann.list() == [BANNED]
        assert board.app.rules.address_ban("192.0.2.7") is not None
        assert board.app.rules.address_ban("192.0.3.7") is None


def test_a_ban_may_hide_what_was_posted(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("one")
        bob.post("two")
        ann.post("three")
        ann.list()
        assert len(bob.list()) == 3
        ban(board, "user", "ann", hide_posts=True)
        assert bob.list() == ["127.0.0.1 two"]


def test_a_preview_counts_whom_it_hits_and_changes_nothing(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("one")
        ann.list()
        bob.list()
        proposal = Proposal("ban", "cidr", "127.0.0.0/8", "spam")
        found = board.app.access.read(lambda c: preview(c, proposal))
        assert (found.users, found.sessions, found.posts) == (2, 2, 1)
        assert found.names == ["ann", "bob"]
        assert found.warnings[1] == "This is the board's own machine."
        assert ann.list() == ["127.0.0.1 one"]
        assert board.app.access.read(lambda c: sanctions.list_sanctions(c, "ban")) == []


@pytest.mark.parametrize(
    ("kind", "value", "own", "why"),
    [
        ("cidr", "10.0.0.0/8", "", "wider than /16"),
        ("cidr", "2001::/16", "", "wider than /32"),
        ("ip", "127.0.0.1", "", "own machine"),
        ("ip", "::1", "", "own machine"),
        ("cidr", "192.0.2.0/24", "192.0.2.7", "yourself"),
    ],
)
def test_guards_refuse_what_nobody_means_unless_it_is_forced(
    board: LiveBoard, kind: str, value: str, own: str, why: str
) -> None:
    with pytest.raises(Conflict, match=why):
        ban(board, kind, value, force=False, own_address=own)
    assert ban(board, kind, value, own_address=own)


def test_mistakes_are_named(board: LiveBoard) -> None:
    for kind, value, error in [("ip", "300.1.1.1", "no address"), ("cidr", "192.0.2.7/24", "no address")]:
        with pytest.raises(InvalidAct, match=error):
            ban(board, kind, value)
    with pytest.raises(InvalidAct, match="no kind"):
        ban(board, "phone", "1")
    with pytest.raises(NotFound):
        act(board, sanctions.lift, 7, "nothing")
    number = ban(board, "user", "ann")
    with pytest.raises(Conflict, match=f"number {number}"):
        ban(board, "user", "ann")
    act(board, sanctions.lift, number, "a mistake")
    with pytest.raises(Conflict, match="lifted already"):
        act(board, sanctions.lift, number, "again")
    assert ban(board, "user", "ann") != number


def test_sessions_are_in_the_database_while_they_are_on_line(board: LiveBoard) -> None:
    def on_line() -> int:
        return board.app.access.read(lambda c: c.execute(sa.select(sa.func.count(LiveSession.id))).scalar_one())

    with board.client("ann") as ann:
        ann.post("one")
        ann.list()
        assert on_line() == 1
    board.departed()
    while on_line():  # the row goes with the next commit, and each asking is a read of its own
        pass
