"""Every difference of the table in docs/protocol.md can be seen, and the table names no other."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from tests.transcripts.differences import KNOWN, PAGE, Board, ids_in
from tests.transcripts.world import Client, Turn, World

# Of each difference: the window that is set, and a conversation in which it shows.
WITNESSES: dict[str, tuple[int, list[Turn]]] = {
    "headers": (0, [(0, ["café", "list"])]),
    "long-rows": (0, [(0, ["a" * 9999, "list"])]),
    "visible-controls": (0, [(0, ["\x1b[2J", "list"])]),
    "nul": (0, [(0, ["dm", "bob\0", "hi"]), (1, ["listdm"])]),
    "notices": (0, [(0, ["/help", "list"])]),
    "slash-commands": (0, [(0, ["//help", "list"])]),
    "window": (1, [(0, ["one", "two", "list"])]),
}
NAMES = ("ann", "bob\u2400")
IP = "127.0.0.9"


def test_the_table_names_the_known_differences_each_once() -> None:
    assert sorted(ids_in(PAGE.read_text())) == sorted(KNOWN)


@pytest.mark.parametrize("difference", sorted(WITNESSES))
def test_the_board_departs_from_the_original_where_the_table_says(difference: str) -> None:
    window, turns = WITNESSES[difference]
    with World(KNOWN, board_window=window) as board:
        board.converse(NAMES, turns)
    assert answers(KNOWN, window, turns) != answers(KNOWN - {difference}, window, turns)


def answers(differences: Collection[str], window: int, turns: list[Turn]) -> list[bytes]:
    board = Board(differences, window=window, help_rows=["help"])
    lines = [board.enter(name, IP) for name in NAMES]
    return [lines[who].send(frame) for who, frames in turns for frame in frames]


def test_a_cap_refuses_by_banner_where_the_original_refuses_nobody() -> None:
    with World(KNOWN, limits_connections_per_address=1) as board:
        banner = refused_by(board)
    for difference in ("caps", "refusal-banner"):
        original = Board(KNOWN - {difference}, address_limit=1)
        original.enter("ann", IP)
        assert original.banner(IP) != banner


def refused_by(board: World) -> bytes:
    with board.connect(IP) as first, board.connect(IP) as second:
        Client(board.model, first, IP, "ann")
        banner = board.model.banner(IP)
        assert second.recv(1000) == banner
        assert second.recv(1) == b""
    return banner
