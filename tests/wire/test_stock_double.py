"""The stock double, as a process, against a real server: every command, every script, and nothing lost."""

from __future__ import annotations

from itertools import product

from tests.support import BoardProcess
from tests.wire.doubles import rows_of, run_double
from tests.wire.live import requests

IP = "127.0.0.1"
EMOJI = "\U0001f600"
CHARACTERS = ("a", "é", EMOJI)
LEAVE = ("--wait-eof",)
LIKE_COMMANDS = ["quit", "list", "listdm", "listdms", "dm", "/help", "/who", "0004"]
# The stock client compares whole texts: none of these is a word to it.
NO_WORDS = ["LIST", "List", "list ", " list", "listDM", "listdm ", "Quit", "quit ", "DM", "dm ", "", " ", "// TODO"]


def test_every_command_works_in_every_script(board: BoardProcess) -> None:
    texts = ["hello", "café", "日本語", EMOJI, "e\u0301", "שלום"]
    lines = (*texts, "dm", "bob", "für dich 😀", "list", "listdm", "listdms", "quit")
    assert rows_of(run_double(board.port, "ann", *lines)) == [f"{IP} {text}" for text in texts]
    assert rows_of(run_double(board.port, "bob", "listdm", "listdms", "quit")) == ["für dich 😀"] * 2


def test_what_one_posts_another_reads_at_once(board: BoardProcess) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        for count in range(1, 20):
            ann.post("hello")
            assert len(ann.list()) == len(bob.list()) == count


def test_9999_characters_are_shown_whole(board: BoardProcess) -> None:
    for character in CHARACTERS:
        text = character * 9999
        rows = rows_of(run_double(board.port, text, text, "dm", text, text, "list", "quit"))
        assert "".join(rows).endswith(f"{IP} {text}")
        assert "".join(rows_of(run_double(board.port, text, "listdm", "quit"))) == text


def test_10000_characters_are_refused_and_leave_no_trace(board: BoardProcess) -> None:
    with board.client("bob") as bob:
        for character, length in product(CHARACTERS, [10_000, 70_000]):
            long = character * length
            assert rows_of(run_double(board.port, "ann", "before", long, "after", "quit", options=LEAVE)) == []
            lines = ("dm", "bob", "before", "dm", "bob", long, "after", "quit")
            assert rows_of(run_double(board.port, "ann", *lines, options=LEAVE)) == []
            bob.post("still here")
            assert bob.list()[-2:] == [f"{IP} before", f"{IP} still here"]
            assert bob.listdm()[-1] == "before"
        assert (len(bob.list()), len(bob.listdm())) == (12, 6)


def test_a_name_of_10000_characters_is_refused(board: BoardProcess) -> None:
    run_double(board.port, "a" * 10_000, "nothing", "quit", options=LEAVE)
    assert rows_of(run_double(board.port, "bob", "list", "quit")) == []


def test_nothing_need_not_be_said(board: BoardProcess) -> None:
    assert rows_of(run_double(board.port, "", "", "dm", "", "", "list", "listdm", "quit")) == [f"{IP} ", ""]


def test_inside_dm_nothing_is_a_command(board: BoardProcess) -> None:
    lines = [line for word in LIKE_COMMANDS for line in ("dm", word, f"to {word}", "dm", "bob", word)]
    assert rows_of(run_double(board.port, "ann", *lines, "list", "quit")) == []
    assert rows_of(run_double(board.port, "bob", "listdm", "quit")) == LIKE_COMMANDS
    for word in LIKE_COMMANDS:
        assert rows_of(run_double(board.port, word, "listdm", "quit")) == [f"to {word}"]


def test_what_is_not_exactly_a_word_is_a_post(board: BoardProcess) -> None:
    assert rows_of(run_double(board.port, "ann", *NO_WORDS, "list", "quit")) == [f"{IP} {text}" for text in NO_WORDS]


def test_names_are_compared_character_by_character(board: BoardProcess) -> None:
    names = ["ann", "Ann", "ann ", "a\u0308nn", "änn", "ann\t"]
    lines = [line for name in names for line in ("dm", name, f"for {name}.")]
    run_double(board.port, "bob", *lines, "quit", options=LEAVE)
    for name in names:
        assert rows_of(run_double(board.port, name, "listdm", "quit")) == [f"for {name}."]


def test_once_the_end_of_stream_is_read_the_last_post_survives_a_kill(board: BoardProcess) -> None:
    kept: list[str] = []
    for turn in range(3):
        kept.append(f"last words {turn}")
        assert rows_of(run_double(board.port, "ann", kept[-1], "quit", options=LEAVE)) == []
        board.kill()
        board.restart()
        assert rows_of(run_double(board.port, "ann", "list", "quit")) == [f"{IP} {text}" for text in kept]


def test_the_end_of_stream_comes_after_the_commit(board: BoardProcess) -> None:
    """As above with many posts, a client in this process, and the kill right behind the end of stream."""
    posts = [f"post {number}" for number in range(400)]
    with board.client("ann") as ann:
        ann.sock.sendall(requests(*posts))
        assert ann.quit_and_wait_eof() == b""
        board.kill()
    board.restart()
    with board.client("bob") as bob:
        assert bob.list() == [f"{IP} {post}" for post in posts]


def test_what_was_listed_survives_a_kill(board: BoardProcess) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        for number in range(50):
            ann.post(f"post {number}")
        ann.dm("bob", "direct")
        assert (len(ann.list()), bob.listdm()) == (50, ["direct"])
        board.kill()
    board.restart()
    with board.client("bob") as bob:
        assert (len(bob.list()), bob.listdm()) == (50, ["direct"])
