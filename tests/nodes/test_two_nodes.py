"""Two servers on one PostgreSQL database are one board."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import BoardProcess, fresh_postgres_database

# A bell that never rings by itself, so that only the other node's commit can.
SLOW_BELL_S = 3600
WAIT_S = 20


@pytest.fixture
def nodes(tmp_path: Path, postgres_url: str) -> Iterator[tuple[BoardProcess, BoardProcess]]:
    with (
        fresh_postgres_database(postgres_url) as url,
        BoardProcess(tmp_path / "one", url, store_bell_interval_s=SLOW_BELL_S) as one,
        BoardProcess(tmp_path / "two", url, store_bell_interval_s=SLOW_BELL_S) as two,
    ):
        yield one, two


def eventually(rows: Callable[[], list[str]], wanted: Callable[[list[str]], bool]) -> list[str]:
    """Ask until the rows are as wanted; each asking is a round trip, so this is no busy loop."""
    found, end = rows(), time.monotonic() + WAIT_S
    while not wanted(found) and time.monotonic() < end:
        found = rows()
    assert wanted(found), found[-5:]
    return found


def test_both_nodes_show_every_post_once_and_in_the_same_order(nodes: tuple[BoardProcess, BoardProcess]) -> None:
    with nodes[0].client("alice") as alice, nodes[1].client("bob") as bob:
        for number in range(50):
            alice.post(f"a{number}")
            bob.post(f"b{number}")
        assert "127.0.0.1 a49" in alice.list()
        assert "127.0.0.1 b49" in bob.list()
        ours = eventually(alice.list, lambda rows: len(rows) == 100)
        assert eventually(bob.list, lambda rows: len(rows) == 100) == ours
        for letter in "ab":
            assert [row for row in ours if f" {letter}" in row] == [f"127.0.0.1 {letter}{n}" for n in range(50)]


def test_a_message_reaches_an_open_mailbox_of_another_node(nodes: tuple[BoardProcess, BoardProcess]) -> None:
    with nodes[0].client("alice") as alice, nodes[1].client("bob") as bob:
        assert bob.listdm() == []
        alice.dm("bob", "hello")
        assert eventually(bob.listdm, bool) == ["hello"]
