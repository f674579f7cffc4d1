"""Which frames are commands of plugins, which are posts, and how what a plugin answers reaches a stock client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.live import LiveBoard

POSTS = [
    *("// TODO", "/usr/bin", "/shrug", "/", "//", "///help", "/Help", "/HELP", " /help", "/help!", "/helps", "/who?"),
    *("/дом", "\u2003/who", "help", "who", "* /help", "/he lp", "/help\u200d"),
]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBoard]:
    with LiveBoard(tmp_path_factory.mktemp("board")) as running:
        yield running


@pytest.fixture(scope="module")
def strict_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBoard]:
    with LiveBoard(tmp_path_factory.mktemp("board"), board={"slash": "reserved"}) as running:
        yield running


def gained(board: LiveBoard, *frames: str) -> list[str]:
    """Return the rows that a list shows after these frames, and did not show before."""
    with board.client("ann") as ann:
        before = ann.list()
        for frame in frames:
            ann.post(frame)
        rows = ann.list()
    assert rows[: len(before)] == before
    return rows[len(before) :]


@pytest.mark.parametrize("word", ["list", "listdm", "listdms"])
def test_what_a_plugin_answers_stands_after_the_rows_of_the_next_list(tmp_path: Path, word: str) -> None:
    with LiveBoard(tmp_path) as board, board.client("bob") as bob, board.client("ann") as ann:
        ann.post("hello")
        ann.dm("ann", "psst")
        ann.post("/who")
        ann.post("again")
        rows = ["127.0.0.1 hello", "127.0.0.1 again"] if word == "list" else ["psst"]
        assert ann.listdm(word) == [*rows, "* 2 on line:", "* bob", "* ann"]
        assert ann.listdm(word) == rows
        assert bob.list() == ["127.0.0.1 hello", "127.0.0.1 again"]


def test_help_shows_each_command_with_its_first_line(board: LiveBoard) -> None:
    rows = gained(board, "/help")
    usages = [row.removeprefix("* ").split(": ")[0] for row in rows]
    assert usages == sorted(usages) == ["/help [word]", "/who", "dm", "list", "listdm", "quit"]
    assert all(row.startswith("* ") and row.endswith(".") for row in rows)


@pytest.mark.parametrize("frame", ["/help who", "/help\twho", "/help who\n", "/help  /who  "])
def test_a_frame_whose_first_word_is_a_command_is_that_command(board: LiveBoard, frame: str) -> None:
    assert gained(board, frame) == ["* /who", "* List the names on line."]


@pytest.mark.parametrize("frame", POSTS)
def test_any_other_frame_is_a_post(board: LiveBoard, frame: str) -> None:
    assert gained(board, frame) == [f"127.0.0.1 {frame}"]


@pytest.mark.parametrize("frame", ["//help", "//who is"])
def test_a_second_slash_makes_a_post_of_a_command(board: LiveBoard, strict_board: LiveBoard, frame: str) -> None:
    assert gained(board, frame) == [f"127.0.0.1 {frame[1:]}"]
    assert gained(strict_board, frame) == [f"127.0.0.1 {frame[1:]}"]


@pytest.mark.parametrize("frame", POSTS)
def test_where_the_slash_is_reserved_an_unknown_command_is_refused(strict_board: LiveBoard, frame: str) -> None:
    [row] = gained(strict_board, frame)
    if frame.startswith("/") and not frame.startswith("//"):
        assert row == f"* There is no command {frame.split()[0]}; type /help."
    else:
        assert row == f"127.0.0.1 {frame}"


def test_where_the_slash_is_reserved_commands_work_as_ever(strict_board: LiveBoard) -> None:
    assert gained(strict_board, "/who", "hello") == ["127.0.0.1 hello", "* 1 on line:", "* ann"]


def test_a_command_that_is_disabled_is_a_post_again(tmp_path: Path) -> None:
    with LiveBoard(tmp_path, plugins={"disabled": ["help"]}) as board:
        assert gained(board, "/help", "//help") == ["127.0.0.1 /help", "127.0.0.1 //help"]
