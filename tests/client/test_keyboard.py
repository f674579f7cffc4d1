"""`bbs connect` at a terminal: a real one (a pty), with keys pressed and a screen read."""

from __future__ import annotations

import codecs
import os
import pty
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bbs_core.protocol import BANNER, encode, encode_request
from tests.stock.original import OriginalServer, running

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
TIMEOUT_S = 20
CTRL_C, CTRL_D, UP = "\x03", "\x04", "\x1b[A"
# As a shell starts it: the pty is the controlling terminal, so that Ctrl-C is a signal, and the signal is not ignored.
SCRIPT = """
import fcntl, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)
from bbs_core.client import run
run("127.0.0.1", int(sys.argv[1]), *(sys.argv[2:] or [None]))
"""
PLAIN_TERMINAL = {"TERM": "xterm", "INPUTRC": os.devnull, "PYTHONUTF8": "1"}


class Person:
    """Someone who types, and reads the screen up to what they look for."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self._unread = ""
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def read_to(self, text: str) -> str:
        """Return what the screen showed before `text`, which must appear."""
        while text not in self._unread:
            self._unread += self._read()
        shown, _, self._unread = self._unread.partition(text)
        return shown

    def read_to_exit(self) -> tuple[str, int]:
        """Return what the screen showed until the program ended, and its exit code."""
        # Python sees a Ctrl-C that comes just before readline waits only at the end of the line.
        if not select.select([self._terminal], [], [], TIMEOUT_S / 10)[0]:
            self.type("\n")
        with suppress(OSError):  # EIO, which is how a pty ends
            while piece := self._read():
                self._unread += piece
        return self._unread, self._process.wait(TIMEOUT_S)

    def _read(self) -> str:
        ready = select.select([self._terminal], [], [], TIMEOUT_S)[0]
        assert ready, f"the screen stopped at {self._unread!r}"
        return self._utf8.decode(os.read(self._terminal, 4096))


@contextmanager
def sitting_at(port: int, *name: str) -> Iterator[Person]:
    terminal, inside = pty.openpty()
    command = [sys.executable, "-c", SCRIPT, str(port), *name]
    env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | PLAIN_TERMINAL
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=inside, stdout=inside, stderr=inside, start_new_session=True
    ) as process:
        os.close(inside)
        try:
            yield Person(process, terminal)
        finally:
            process.kill()
            os.close(terminal)


@contextmanager
def answering_list(data: bytes) -> Iterator[tuple[int, Callable[[], bytes]]]:
    """Answer one user's first `list` with `data`; the function waits for the end and returns what came after."""

    def play() -> bytes:
        conn, _ = listener.accept()
        conn.settimeout(TIMEOUT_S)
        with conn:
            conn.sendall(encode(BANNER))
            heard = b""
            while not heard.endswith(encode_request("list")):
                heard += conn.recv(4096) or pytest.fail(f"the stream ended after {heard!r}")
            conn.sendall(data)
            return b"".join(iter(lambda: conn.recv(4096), b""))

    with socket.create_server((HOST, 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(TIMEOUT_S)
        played = pool.submit(play)
        yield listener.getsockname()[1], lambda: played.result(TIMEOUT_S)


@pytest.fixture
def original() -> Iterator[OriginalServer]:
    with running() as server:
        yield server


def test_a_person_posts_lists_and_sends_a_message(original: OriginalServer) -> None:
    with sitting_at(original.port) as person:
        person.read_to("Username: ")
        person.type("ann\n")
        assert "list, listdm, dm, quit" in person.read_to("ann> ")
        person.type("help\n")
        person.read_to("ann> ")
        person.type("list\n")
        assert "127.0.0.1 help\r\n" in person.read_to("ann> ")
        person.type("dm\n")
        person.read_to("To? ")
        person.type("bob\n")
        person.read_to("Message? ")
        person.type("hi\n")
        person.read_to("ann> ")
        person.type("quit\n")
        assert person.read_to_exit()[1] == 0
    assert (original.posts, original.messages) == (["127.0.0.1 help"], {"bob": ["hi"]})


def test_ctrl_d_leaves(original: OriginalServer) -> None:
    with sitting_at(original.port, "ann") as person:
        person.read_to("ann> ")
        person.type("hello\n")
        person.read_to("ann> ")
        person.type(CTRL_D)
        assert person.read_to_exit() == ("\r\n", 0)
    assert original.posts == ["127.0.0.1 hello"]


def test_ctrl_c_leaves_and_a_message_begun_is_not_sent(original: OriginalServer) -> None:
    with sitting_at(original.port, "ann") as person:
        person.read_to("ann> ")
        person.type("hello\n")
        person.read_to("ann> ")
        person.type("dm\n")
        person.read_to("To? ")
        person.type("bob\n")
        person.read_to("Message? ")
        person.type(CTRL_C)
        shown, code = person.read_to_exit()
    assert (shown.replace("^C", "").strip(), code) == ("", 0)
    assert (original.posts, original.messages) == (["127.0.0.1 hello"], {})


def test_ctrl_c_leaves_in_the_middle_of_a_list() -> None:
    with answering_list(b"00012" + encode("one")) as (port, heard_after), sitting_at(port, "ann") as person:
        person.read_to("ann> ")
        person.type("list\n")
        person.read_to("one\r\n")
        person.type(CTRL_C)
        assert person.read_to_exit()[1] == 0
        assert heard_after() == b"0004quit"


def test_a_line_can_be_edited_and_called_back(original: OriginalServer) -> None:
    with sitting_at(original.port, "ann") as person:
        person.read_to("ann> ")
        person.type("hallo\x1b[D\x1b[D\x1b[D\x7fe\n")
        person.read_to("ann> ")
        person.type(f"{UP}\n")
        person.read_to("ann> ")
        person.type(CTRL_D)
        person.read_to_exit()
    assert original.posts == ["127.0.0.1 hello"] * 2


def test_a_pasted_text_is_posted_line_by_line(
    original: OriginalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = tmp_path / "inputrc"
    wishes.write_text("set enable-bracketed-paste on\n")
    monkeypatch.setitem(PLAIN_TERMINAL, "INPUTRC", str(wishes))
    with sitting_at(original.port, "ann") as person:
        # A terminal marks a paste, and readline then keeps its line breaks, only after this switch.
        assert "\x1b[?2004h" not in person.read_to("ann> ")
        person.type("one\ntwo\nquit\n")
        person.read_to_exit()
    assert original.posts == ["127.0.0.1 one", "127.0.0.1 two"]


def test_a_notice_is_dim_and_a_row_is_plain() -> None:
    with (
        answering_list(b"00012" + encode("plain") + encode("* Be kind.")) as (port, _),
        sitting_at(port, "ann") as person,
    ):
        person.read_to("ann> ")
        person.type("list\n")
        assert "\nplain\r\n\x1b[2;3m* Be kind.\x1b[0m\r\n" in person.read_to("ann> ")
        person.type(CTRL_D)
        assert person.read_to_exit()[1] == 0


def test_a_name_cannot_repaint_the_prompt(original: OriginalServer) -> None:
    with sitting_at(original.port, "a\x1b[2J\x01b") as person:
        person.read_to("a␛[2J␁b> ")
        person.type(CTRL_D)
        assert person.read_to_exit()[1] == 0
