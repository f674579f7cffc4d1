"""A stock client on a real board: what it says is stored, shown and there after a restart."""

from __future__ import annotations

from tests.support import BoardProcess


def test_a_post_is_listed_and_survives_a_restart(board: BoardProcess) -> None:
    with board.client("alice") as alice:
        alice.post("hello")
        assert alice.list() == ["127.0.0.1 hello"]
    assert board.terminate() == 0
    board.restart()
    with board.client("bob") as bob:
        assert bob.list() == ["127.0.0.1 hello"]
