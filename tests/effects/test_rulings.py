"""Kicks, mutes, modes, held posts, kept notices and announcements, as users meet them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbs_core import moderation, noticeboard, presence, sanctions
from bbs_core.accounts import make_user
from bbs_core.errors import NotFound
from bbs_core.runtime_settings import put_back
from tests.effects.kit import act, change, mute, the_act
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard


def sessions(board: LiveBoard) -> dict[str, int]:
    """Read in the writer, behind the rows of those who have just come."""
    rows = board.app.access.write(presence.list_sessions)
    return {row["name"]: row["id"] for row in rows}


def test_a_kick_ends_one_session_with_its_reason(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        act(board, presence.kick, sessions(board)["ann"], "too loud")
        assert ann.list() == ["The staff has ended your session: too loud"]
        assert ann.quit_and_wait_eof() == b""
        assert board.departed() == "ann"
        assert bob.list() == []


def test_all_sessions_of_a_user_can_be_kicked(board: LiveBoard) -> None:
    with board.client("ann") as one, board.client("ann") as two, board.client("bob") as bob:
        rows = board.app.access.write(presence.list_sessions)
        user_id = next(row["user_id"] for row in rows if row["name"] == "ann")
        act(board, presence.kick_user, user_id, "too loud")
        for client in (one, two):
            assert client.list() == ["The staff has ended your session: too loud"]
        assert bob.list() == []
    with pytest.raises(NotFound):
        act(board, presence.kick, 12345, "nobody")


def test_a_muted_user_reads_and_is_told_in_the_next_list(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        bob.post("hello")
        bob.list()
        number = mute(board, "user", "ann")
        assert ann.list() == ["127.0.0.1 hello", "* You may read, and not write: spam"]
        ann.post("shout")
        ann.dm("bob", "shout")
        rows = ann.list()
        assert rows == [
            "127.0.0.1 hello",
            "* Your post was not kept. You may read, and not write: spam",
            "* Your message was not kept. You may read, and not write: spam",
        ]
        assert bob.listdm() == []
        act(board, sanctions.lift, number, "calm again")
        ann.post("sorry")
        assert ann.list() == ["127.0.0.1 hello", "127.0.0.1 sorry"]


def test_a_muted_address_is_muted_whatever_the_name(board: LiveBoard) -> None:
    mute(board, "cidr", "127.0.0.0/24")
    with board.client("carl") as carl:
        carl.post("shout")
        assert carl.list() == ["* Your post was not kept. You may read, and not write: spam"]


def test_held_posts_are_shown_to_nobody_until_they_are_approved(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("one")
        ann.list()
        change(board, {"board.mode": "hold"})
        ann.post("two")
        assert ann.list() == [
            "127.0.0.1 one",
            "* Your post waits for a review, and nobody sees it until then: two",
        ]
        bob.dm("ann", "messages pass")
        bob.list()
        change(board, {"board.mode": "open"})
        bob.post("three")
        assert bob.list() == ["127.0.0.1 one", "127.0.0.1 three"]
        act(board, moderation.approve_post, 2, "fine")
        assert bob.list() == ["127.0.0.1 one", "127.0.0.1 two", "127.0.0.1 three"]
        assert ann.list()[3:] == ["* Your post 2 was approved, and is shown now."]
        assert ann.listdm() == ["messages pass"]


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("read_only", "the board can only be read at the moment."),
        ("staff_only", "only the staff writes on the board at the moment."),
    ],
)
def test_a_closed_board_is_read_and_says_why_it_takes_nothing(board: LiveBoard, mode: str, why: str) -> None:
    with board.client("ann") as ann:
        ann.post("one")
        ann.list()
        act_id = change(board, {"board.mode": mode})
        ann.post("two")
        ann.dm("ann", "three")
        assert ann.list() == [
            "127.0.0.1 one",
            f"* Your post was not kept: {why}",
            f"* Your message was not kept: {why}",
        ]
        act(board, moderation.post_as_operator, "operator", "the lesson begins")
        assert ann.list() == ["127.0.0.1 one", "operator the lesson begins"]
        row = the_act(board, act_id)
        act(board, put_back, row, board.settings, "open again")
        ann.post("four")
        assert ann.list()[-1] == "127.0.0.1 four"


def test_a_mode_with_an_end_is_over_by_itself(board: LiveBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    change(board, {"board.mode": "read_only", "board.mode_ends_at_ms": 1 << 45})
    with board.client("ann") as ann:
        ann.post("one")
        assert len(ann.list()) == 1
        monkeypatch.setattr("bbs_core.rules.now_ms", lambda: 1 << 46)
        ann.post("two")
        assert ann.list() == ["127.0.0.1 two"]


def test_a_kept_notice_is_shown_until_it_counts_as_delivered(board: LiveBoard) -> None:
    board.app.access.write(lambda c: noticeboard.keep_notice(c, make_user(c, "ann"), "come\0to room 7"))
    with board.client("bob") as bob:
        assert bob.list() == []
    assert board.departed() == "bob"
    shown = ["* come␀to room 7"]
    for _ in range(2):
        # She reads it, and her line breaks before she has sent anything more.
        with StockClient("127.0.0.1", board.port, "ann") as ann:
            assert ann.list() == shown
        assert board.departed() == "ann"
    with StockClient("127.0.0.1", board.port, "ann") as ann:
        assert ann.list() == shown
        assert ann.list() == ann.listdm() == []
    board.app.access.write(lambda _connection: None)  # behind the deletion
    assert board.app.access.read(lambda c: noticeboard.waiting(c, 0)) == []


def test_an_announcement_reaches_everyone_once_in_each_session(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        act(board, noticeboard.announce, "the board closes at 5")
        assert ann.list() == ["* the board closes at 5"]
        assert ann.list() == []
        with StockClient("127.0.0.1", board.port, "bob") as bob:
            assert bob.listdm() == ["* the board closes at 5"]
            assert bob.list() == []
        number = board.app.access.read(noticeboard.announced)[0].id
        act(board, noticeboard.end_announcement, number, "done")
    assert board.app.noticeboard.announcements == []


def test_nobody_may_bear_the_name_of_the_board_itself(board: LiveBoard) -> None:
    with board.client("operator") as impostor, board.client("ann") as ann:
        impostor.post("send me your homework")
        assert impostor.list() == [
            "The name operator belongs to the board itself: please come again under another one."
        ]
        assert ann.list() == []


def test_archived_posts_are_in_no_list_and_come_back(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        for text in ("one", "two", "three"):
            ann.post(text)
        ann.list()
        act_id = change(board, {"board.archived_through": 2})
        assert ann.list() == ["127.0.0.1 three"]
        ann.post("four")
        assert ann.list() == ["127.0.0.1 three", "127.0.0.1 four"]
        row = the_act(board, act_id)
        act(board, put_back, row, board.settings, "back again")
        assert [row[10:] for row in ann.list()] == ["one", "two", "three", "four"]
