"""Plugins that screen: lines by their address and name, posts and messages by their text."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bbs_core import moderation
from tests.effects.kit import act
from tests.platform.outside import put
from tests.wire.live import LiveBoard, requests

# How an implementation may be written; all must have the same effect.
KINDS = {
    "thread": ("def", ""),
    "loop": ("@never_blocks\n    def", ""),
    "async": ("async def", "await asyncio.sleep(0)"),
}
FILTER = """
    import asyncio
    from bbs_core.plugin import Hold, Refuse, Rewrite, hookimpl, never_blocks

    def judge(text):
        if "refuse" in text:
            return Refuse("not here")
        if "hold" in text:
            return Hold("strange words")
        if "fail" in text:
            raise RuntimeError("oh")
        if "nonsense" in text:
            return 42
        return Rewrite(text.replace("darn", "****")) if "darn" in text else None

    @hookimpl
    {definition} bbs_screen_post(session, text):
        {wait}
        return judge(text)

    @hookimpl
    {definition} bbs_screen_message(session, to, text):
        {wait}
        return judge(text)
"""
HELD = "* Your post waits for a review, and nobody sees it until then: "


def put_filter(data: Path, kind: str, name: str = "filter.py") -> None:
    definition, wait = KINDS[kind]
    put(data, name, FILTER.format(definition=definition, wait=wait or "pass"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_post_passes_is_rewritten_held_or_refused(tmp_path: Path, kind: str) -> None:
    put_filter(tmp_path, kind)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann, board.client("bob") as bob:
        for text in ("hello", "darn it", "please hold", "please refuse", "last"):
            ann.post(text)
        shown = ["127.0.0.1 hello", "127.0.0.1 **** it", "127.0.0.1 last"]
        notices = [f"{HELD}please hold", "* Your post was not kept: please refuse (not here)"]
        rows = ann.list()
        assert rows[:3] == shown
        assert sorted(rows[3:]) == sorted(notices)
        assert bob.list() == shown
        act(board, moderation.approve_post, 3, "it is fine")
        assert bob.list() == [*shown[:2], "127.0.0.1 please hold", shown[2]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_passes_is_rewritten_or_refused(tmp_path: Path, kind: str) -> None:
    put_filter(tmp_path, kind)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann, board.client("bob") as bob:
        for text in ("hello", "darn it", "please hold", "please refuse"):
            ann.dm("bob", text)
        assert ann.list() == [
            "* Your message was not kept: please hold (strange words)",
            "* Your message was not kept: please refuse (not here)",
        ]
        assert bob.listdm() == ["hello", "**** it"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_failing_filter_would_have_screened_is_held(tmp_path: Path, kind: str) -> None:
    put_filter(tmp_path, kind)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann, board.client("bob") as bob:
        for text in ("I fail", "nonsense", "hello"):
            ann.post(text)
        assert ann.list() == ["127.0.0.1 hello", f"{HELD}I fail", f"{HELD}nonsense"]
        ann.dm("bob", "I fail")
        [notice] = ann.list()[1:]
        assert "The plugin filter failed (incident " in notice
        assert bob.listdm() == []


def test_a_quarantined_filter_goes_on_holding(tmp_path: Path) -> None:
    put_filter(tmp_path, "thread")
    with LiveBoard(tmp_path, plugins={"quarantine_failures": 2}) as board, board.client("ann") as ann:
        for text in ("I fail", "I fail", "hello"):
            ann.post(text)
        assert ann.list() == [f"{HELD}I fail", f"{HELD}I fail", f"{HELD}hello"]
        assert board.app.plugins["filter"].state == "quarantined"
        ann.dm("ann", "hello")
        [notice] = ann.listdm()
        assert "The plugin filter, which screens messages, is set aside." in notice


def test_what_a_plugin_posts_for_a_user_is_screened_in_its_place(tmp_path: Path) -> None:
    put_filter(tmp_path, "async")
    put(
        tmp_path,
        "me.py",
        """
        from bbs_core.plugin import Rest, command

        @command("/me")
        def me(session, words: Rest):
            session.board.post(f"* {session.username} {words}")
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.sock.sendall(requests("one", "/me says darn", "two", "/me says refuse", "three"))
        rows = ann.list()
        assert rows[:4] == ["127.0.0.1 one", "127.0.0.1 * ann says ****", "127.0.0.1 two", "127.0.0.1 three"]
        assert rows[4:] == ["* Your post was not kept: * ann says refuse (not here)"]


def test_each_filter_sees_what_the_one_before_has_made_of_it(tmp_path: Path) -> None:
    put_filter(tmp_path, "thread", "z_first.py")
    put(
        tmp_path,
        "a_second.py",
        """
        from bbs_core.plugin import Rewrite, hookimpl, never_blocks

        @hookimpl
        @never_blocks
        def bbs_screen_post(text):
            return Rewrite(text + "!") if "*" in text else None
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("darn")
        ann.post("well")
        assert ann.list() == ["127.0.0.1 ****!", "127.0.0.1 well"]


def test_a_plugin_that_posts_without_end_fills_no_memory(tmp_path: Path) -> None:
    put_filter(tmp_path, "async")
    put(
        tmp_path,
        "flood.py",
        """
        from bbs_core.plugin import command, never_blocks

        @command("/flood")
        @never_blocks
        def flood(session):
            for number in range(2000):
                session.board.post(f"row {number}")
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("/flood")
        rows = ann.list()
        assert sum(row.startswith("127.0.0.1 row") for row in rows) == 1000
        assert any("(too many wait already)" in row for row in rows)


def test_an_address_that_a_plugin_refuses_reads_why_in_the_banner(tmp_path: Path) -> None:
    put(
        tmp_path,
        "gate.py",
        """
        from bbs_core.plugin import Refuse, hookimpl

        @hookimpl
        async def bbs_screen_connection(address):
            return Refuse(f"Not from {address} \\x1b today.")
        """,
    )
    with LiveBoard(tmp_path) as board, socket.create_connection(("127.0.0.1", board.port), 10) as sock:
        banner = "Not from 127.0.0.1 \u241b today."
        said = b""
        while piece := sock.recv(1000):
            said += piece
        assert said.decode() == f"{len(banner.encode()):04d}{banner}"
        assert board.app.counts.refused_connections_total["plugin"] == 1


@pytest.mark.parametrize("body", ["raise RuntimeError('oh')", "return None"])
def test_a_gate_that_fails_or_says_nothing_lets_everyone_in(tmp_path: Path, body: str) -> None:
    put(
        tmp_path,
        "gate.py",
        f"from bbs_core.plugin import hookimpl\n\n@hookimpl\ndef bbs_screen_connection(address):\n    {body}\n",
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("hello")
        assert ann.list() == ["127.0.0.1 hello"]


def test_a_plugin_says_who_it_is_that_gave_a_name(tmp_path: Path) -> None:
    put(
        tmp_path,
        "secrets.py",
        """
        from bbs_core.plugin import Refuse, hookimpl

        @hookimpl
        def bbs_authenticate(name, address):
            who, _, secret = name.partition("#")
            if who == "broken":
                raise RuntimeError("oh")
            if who == "olga" and secret != "1234":
                return Refuse("That name wants its secret: olga#…")
            return who
        """,
    )
    with LiveBoard(tmp_path, board={"post_row": "{username}: {text}"}) as board:
        with board.client("olga#1234") as olga, board.client("ann") as ann:
            olga.post("it is me")
            assert olga.list() == ann.list() == ["olga: it is me"]
        with board.client("olga") as thief:
            thief.post("it is me too")
            assert thief.list() == thief.listdm() == ["That name wants its secret: olga#…"]
        with board.client("broken") as broken:
            [row] = broken.list()
            assert row.startswith("The plugin secrets failed (incident ")


def test_a_wrapper_around_a_filter_is_refused(tmp_path: Path) -> None:
    put(
        tmp_path,
        "wrap.py",
        """
        from bbs_core.plugin import hookimpl

        @hookimpl(wrapper=True)
        def bbs_screen_post(text):
            return (yield)
        """,
    )
    with LiveBoard(tmp_path) as board:
        assert board.app.plugins["wrap"].reason == "bbs_screen_post takes no wrapper (wrap.py:4): answer a verdict."
