"""What a plugin hands to the board is looked at there: a mistake is the plugin's, and costs no user a session."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.platform.outside import put
from tests.support import BoardProcess

MISTAKEN = """
    from bbs_core.plugin import command

    @command("/notify")
    def notify(session):
        session.notify({value})

    @command("/post")
    def post(session):
        session.board.post({value})

    @command("/send")
    def send(session):
        session.mail.send("ann", {value})

    @command("/send-to")
    def send_to(session):
        session.mail.send({value}, "hello")

    @command("/answer")
    def answer(session):
        return [{value}]
"""
LONG = """
    from bbs_core.plugin import command

    @command("/p")
    def post(session):
        session.board.post("x" * 1_000_001)

    @command("/send")
    def send(session):
        session.mail.send("ann", "x" * 1_000_001)

    @command("/answer")
    def answer(session):
        return ["x" * 1000] * 2001
"""
ALL = ("/notify", "/post", "/send", "/send-to", "/answer")


@pytest.mark.parametrize("value", ["None", "5", "b'row'", "['row']"])
def test_what_is_no_text_is_refused_at_once(tmp_path: Path, database_url: str, value: str) -> None:
    put(tmp_path, "mistaken.py", MISTAKEN.replace('"/post"', '"/p"').format(value=value))
    with BoardProcess(tmp_path, database_url) as board, board.client("ann") as ann:
        for word in ("/notify", "/p", "/send", "/send-to", "hello"):
            ann.post(word)
        hello, *notices = ann.list()
        assert hello == "127.0.0.1 hello"
        assert len(notices) == 4
        assert all(re.match(r"\* The plugin mistaken failed \(incident", notice) for notice in notices)
        ann.post("/answer")
        assert ann.listdm() == ["* The plugin behind /answer answered something that is not rows."]


def test_what_no_row_can_carry_is_replaced(tmp_path: Path, database_url: str) -> None:
    put(tmp_path, "mistaken.py", MISTAKEN.replace('"/post"', '"/p"').format(value=r"'a\ud83d\0'"))
    with BoardProcess(tmp_path, database_url) as board, board.client("ann") as ann, board.client("a?\u2400") as other:
        for word in ("/notify", "/p", "/send", "/send-to", "/answer"):
            ann.post(word)
        assert ann.list() == ["127.0.0.1 a?\u2400", "* a?\u2400", "* a?\u2400"]
        assert ann.listdm() == ["a?\u2400"]
        assert other.listdm() == ["hello"]


def test_what_would_fill_the_memory_is_refused_in_a_sentence(tmp_path: Path) -> None:
    put(tmp_path, "long.py", LONG)
    with BoardProcess(tmp_path) as board, board.client("ann") as ann:
        for word in ("/p", "/send", "/answer"):
            ann.post(word)
        assert ann.list() == [
            *["* A text has at most 1,000,000 characters."] * 2,
            "* The plugin behind /answer answered more than 2,000,000 characters.",
        ]
        assert ann.listdm() == []


@pytest.mark.parametrize("deed", ["return 1 / 0", "raise SystemExit"])
def test_an_error_that_cannot_say_what_it_is_costs_no_session(tmp_path: Path, deed: str) -> None:
    source = f"""
        from bbs_core.plugin import UserError, command

        class Mute(UserError):
            def __str__(self):
                {deed}

        @command("/mute")
        def mute(session):
            raise Mute
    """
    put(tmp_path, "mute.py", source)
    with BoardProcess(tmp_path) as board, board.client("ann") as ann:
        for _ in range(2):
            ann.post("/mute")
            assert ann.list() == ["* A plugin had something to say and could not."]
