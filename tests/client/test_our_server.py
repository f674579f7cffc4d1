"""`bbs connect` against our own server, as a person would run it in a pipe."""

from __future__ import annotations

import subprocess

from tests.support import BoardProcess, bbs

TIMEOUT_S = 20


def connect(board: BoardProcess, name: str, lines: str) -> subprocess.CompletedProcess[str]:
    return bbs("connect", "127.0.0.1", "--port", str(board.port), "--name", name, stdin=lines)


def test_what_one_person_says_the_other_reads(board: BoardProcess) -> None:
    said = connect(board, "alice", "hello, wörld 日本\ndm\nbob\npsst 🤫\nquit\n")
    assert (said.returncode, said.stderr) == (0, "")
    read = connect(board, "bob", "list\nlistdm\nquit\n")
    assert "127.0.0.1 hello, wörld 日本\n" in read.stdout
    assert "psst 🤫\n" in read.stdout


def test_a_plugins_answer_is_shown_after_the_next_list(board: BoardProcess) -> None:
    shown = connect(board, "alice", "/who\nlist\nquit\n").stdout
    assert "* 1 on line:\n* alice\n" in shown


def test_a_server_that_is_not_there_is_one_sentence_and_exit_code_2() -> None:
    done = bbs("connect", "127.0.0.1", "--port", "1", "--name", "x")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
