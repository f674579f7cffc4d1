"""`bbs connect` with a pipe at both ends, against the original's design and against servers scripted to misbehave."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bbs_core import client
from bbs_core.client import Client
from bbs_core.errors import ClientError, ProtocolError
from bbs_core.protocol import BANNER, encode, encode_request, encode_rows
from tests.stock.original import OriginalServer, running

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
TIMEOUT_S = 20
GONE = "The server closed the session; what you typed last may not have been kept.\n"
# As the command line does it: an error is its sentence and exit code 2.
SCRIPT = """
import sys
from bbs_core.client import run
from bbs_core.errors import BBSError
try:
    run("127.0.0.1", int(sys.argv[1]), *(sys.argv[2:] or [None]))
except BBSError as error:
    sys.exit(print(error, file=sys.stderr) or 2)
"""

Part = Callable[[socket.socket], object]
Done = subprocess.CompletedProcess[str]


def start(port: int, *name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(port), *name]
    pipe = subprocess.PIPE
    env = os.environ | {"PYTHONUTF8": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8")


def finish(process: subprocess.Popen[str], text: str = "") -> Done:
    with process:
        try:
            out, err = process.communicate(text, TIMEOUT_S)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def connect(port: int, *lines: str, name: tuple[str, ...] = ("ann",)) -> Done:
    return finish(start(port, *name), "".join(f"{line}\n" for line in lines))


@contextmanager
def playing(part: Part) -> Iterator[tuple[int, Future[object]]]:
    """Accept one connection and play a server's part on it; what the part returns is the future's result."""

    def play() -> object:
        conn, _ = listener.accept()
        conn.settimeout(TIMEOUT_S)
        with conn:
            return part(conn)

    with socket.create_server((HOST, 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(TIMEOUT_S)
        yield listener.getsockname()[1], pool.submit(play)


def hear(conn: socket.socket, *texts: str) -> None:
    """Read exactly the frames of `texts`."""
    wanted = b"".join(map(encode_request, texts))
    heard = b""
    while len(heard) < len(wanted):
        heard += conn.recv(len(wanted) - len(heard)) or pytest.fail(f"the stream ended after {heard!r}")
    assert heard == wanted


def hear_all(conn: socket.socket) -> bytes:
    return b"".join(iter(lambda: conn.recv(4096), b""))


def welcome(conn: socket.socket) -> None:
    conn.sendall(encode(BANNER))
    hear(conn, "ann")


def say_goodbye(conn: socket.socket, row: str) -> None:
    conn.sendall(encode_rows([row]))
    conn.shutdown(socket.SHUT_WR)


def answering(data: bytes) -> Part:
    """Answer the first `list` with `data` and hang up."""

    def part(conn: socket.socket) -> None:
        welcome(conn)
        hear(conn, "list")
        conn.sendall(data)

    return part


@pytest.fixture
def original() -> Iterator[OriginalServer]:
    with running() as server:
        yield server


def test_a_pipe_reads_rows_and_nothing_else(original: OriginalServer) -> None:
    done = connect(original.port, "hello", "", "help", "list", "dm", "ann", "list", "listdm", "listdms", "quit", "late")
    assert done.stdout == "127.0.0.1 hello\n127.0.0.1 \n127.0.0.1 help\nlist\nlist\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_name_the_first_line_is_the_name(original: OriginalServer) -> None:
    assert connect(original.port, "bob", "dm", "bob", "hi", "listdm", name=()).stdout == "hi\n"


def test_without_any_line_there_is_no_session(original: OriginalServer) -> None:
    done = connect(original.port, name=())
    assert (done.returncode, done.stderr) == (2, "No name was given.\n")


def test_the_end_of_input_quits() -> None:
    def part(conn: socket.socket) -> bytes:
        welcome(conn)
        return hear_all(conn)

    with playing(part) as (port, heard):
        assert connect(port, "hello").returncode == 0
        assert heard.result(TIMEOUT_S) == b"0005hello0004quit"


def test_a_dm_without_its_text_is_not_sent() -> None:
    def part(conn: socket.socket) -> bytes:
        welcome(conn)
        return hear_all(conn)

    with playing(part) as (port, heard):
        assert connect(port, "dm", "bob").returncode == 0
        assert heard.result(TIMEOUT_S) == b"0004quit"


@pytest.mark.parametrize("text", ["café", "日本語", "😀" * 9999])
def test_headers_count_characters_in_and_bytes_out(text: str) -> None:
    row = text[:2000]

    def part(conn: socket.socket) -> None:
        welcome(conn)
        hear(conn, text, "list")
        conn.sendall(encode_rows([row]))
        hear(conn, "quit")

    with playing(part) as (port, heard):
        assert connect(port, text, "list").stdout == f"{row}\n"
        heard.result(TIMEOUT_S)


def test_a_byte_that_is_not_utf8_is_replaced() -> None:
    def part(conn: socket.socket) -> None:
        welcome(conn)
        hear(conn, "a\ufffdb", "quit")

    with playing(part) as (port, heard):
        process = start(port, "ann")
        assert process.stdin is not None
        os.write(process.stdin.fileno(), b"a\xffb\n")
        assert finish(process).returncode == 0
        heard.result(TIMEOUT_S)


def test_a_text_that_is_too_long_is_refused_and_the_session_goes_on(original: OriginalServer) -> None:
    done = connect(original.port, "a" * 10_000, "dm", "b" * 10_000, "hi", "c" * 9999)
    assert original.posts == ["127.0.0.1 " + "c" * 9999]
    assert original.messages == {}
    assert done.stderr == "Not sent. A frame holds at most 9999 characters.\n" * 2
    assert done.returncode == 0


def test_a_row_can_neither_steer_the_terminal_nor_be_markup() -> None:
    wide = ":smile: \t" + "wide " * 100 + "."
    with playing(answering(encode_rows(["[red]\x1b[2J\r\u202e" + wide]))) as (port, _):
        assert connect(port, "list").stdout == f"[red]␛[2J␍<202E>{wide}\n"


def test_an_answer_may_arrive_byte_by_byte() -> None:
    def part(conn: socket.socket) -> None:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        welcome(conn)
        hear(conn, "list")
        for byte in encode_rows(["é", "", "two"]):
            conn.sendall(bytes([byte]))
        hear(conn, "quit")

    with playing(part) as (port, _):
        assert connect(port, "list", "quit").stdout == "é\n\ntwo\n"


def test_a_row_that_is_not_utf8_is_shown_with_a_replacement() -> None:
    with playing(answering(b"000120004caf\xe9" + encode("next"))) as (port, _):
        assert connect(port, "list").stdout == "caf\ufffd\nnext\n"


def test_a_long_list_arrives_whole() -> None:
    rows = [f"row {number}" for number in range(20_000)]
    with playing(answering(encode_rows(rows))) as (port, _):
        assert connect(port, "list").stdout.splitlines() == rows


def test_of_a_list_that_breaks_off_the_rows_that_came_are_shown() -> None:
    with playing(answering(b"00013" + encode("one") + b"0003tw")) as (port, _):
        done = connect(port, "list")
    assert done.stdout == "one\n"
    assert (done.returncode, done.stderr) == (2, "The server closed the connection.\n")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (encode("many"), "The server sent something else than a number of rows.\n"),
        (encode("9" * 13), "The server sent something else than a number of rows.\n"),
        (b"+001", "The server sent something that is not a frame.\n"),
    ],
)
def test_an_answer_that_is_none_ends_in_a_sentence(answer: bytes, sentence: str) -> None:
    with playing(answering(answer)) as (port, _):
        done = connect(port, "list")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)


def test_another_banner_is_the_reason_for_a_refusal() -> None:
    with playing(lambda conn: conn.sendall(encode("Closed \x1b until noon"))) as (port, _):
        done = connect(port, "hello")
    assert (done.returncode, done.stderr) == (2, "The server refused this session: Closed ␛ until noon\n")


def test_what_is_no_bbs_server_is_named_so() -> None:
    with playing(lambda conn: conn.sendall(b"SSH-2.0-whatever\r\n")) as (port, _):
        assert connect(port).stderr == "What answers there is not a BBS server.\n"


def test_a_port_where_nobody_listens_is_named() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    assert connect(port).stderr == f"Cannot connect to {HOST} port {port}: Connection refused.\n"


def test_a_host_that_is_no_name_is_a_client_error() -> None:
    with pytest.raises(ClientError, match=r"^Cannot connect to a\.\.b port 1: "):
        Client("a..b", 1, "ann")


def test_a_name_that_is_too_long_is_refused_before_connecting() -> None:
    with pytest.raises(ProtocolError, match="9999 characters"):
        Client("nowhere.invalid", 1, "a" * 10_000)


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.05)
    with socket.create_server((HOST, 0)) as listener, pytest.raises(ClientError, match="has not answered"):
        Client(HOST, listener.getsockname()[1], "ann")


def test_a_server_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SEND_TIMEOUT_S", 0.05)

    def part(conn: socket.socket) -> None:
        welcome(conn)
        finished.result(TIMEOUT_S)

    finished: Future[None] = Future()
    with playing(part) as (port, _), Client(HOST, port, "ann") as user:
        try:
            with pytest.raises(ClientError, match="stopped reading"):
                user.send(*["a" * 9999] * 5000)  # more than the kernel's buffers of both sides hold
        finally:
            finished.set_result(None)


def test_a_goodbye_is_shown_before_the_next_line_is_sent() -> None:
    def part(conn: socket.socket) -> bytes:
        welcome(conn)
        hear(conn, "one")
        say_goodbye(conn, "* You were asked to leave.")
        said.set_result(None)
        return hear_all(conn)

    said: Future[None] = Future()
    with playing(part) as (port, heard):
        process = start(port, "ann")
        assert process.stdin is not None
        process.stdin.write("one\n")
        process.stdin.flush()
        said.result(TIMEOUT_S)
        done = finish(process, "two\nthree\n")
        assert heard.result(TIMEOUT_S) == b""
    assert (done.returncode, done.stdout, done.stderr) == (2, "* You were asked to leave.\n", GONE)


def test_a_goodbye_that_answers_a_list_is_shown_and_ends_the_session() -> None:
    def part(conn: socket.socket) -> bytes:
        welcome(conn)
        hear(conn, "list")
        say_goodbye(conn, "* Closing.")
        said.set_result(None)
        return hear_all(conn)

    said: Future[None] = Future()
    with playing(part) as (port, heard):
        process = start(port, "ann")
        assert process.stdin is not None
        process.stdin.write("list\n")
        process.stdin.flush()
        said.result(TIMEOUT_S)
        done = finish(process, "quit\n")
        assert heard.result(TIMEOUT_S) == b""
    assert (done.returncode, done.stdout, done.stderr) == (2, "* Closing.\n", GONE)


def entered(conn: socket.socket) -> None:
    """Welcome a user and read to the end before hanging up."""
    welcome(conn)
    hear_all(conn)


def test_leaving_waits_until_the_server_has_closed_too() -> None:
    def part(conn: socket.socket) -> bytes:
        welcome(conn)
        heard = hear_all(conn)
        conn.sendall(b"a peer that had closed would reset the connection")
        conn.shutdown(socket.SHUT_WR)
        assert hear_all(conn) == b""
        return heard

    with playing(part) as (port, heard), Client(HOST, port, "ann") as user:
        user.send("hello")
        assert user.quit()
        user.close()
        assert heard.result(TIMEOUT_S) == b"0005hello0004quit"


def test_leaving_admits_that_a_post_was_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "QUIT_TIMEOUT_S", 0.05)

    def part(conn: socket.socket) -> None:
        entered(conn)
        finished.result(TIMEOUT_S)

    finished: Future[None] = Future()
    with playing(part) as (port, _), Client(HOST, port, "ann") as user:
        user.send("hello")
        assert not user.quit()
        finished.set_result(None)


def test_an_answer_confirms_what_was_sent_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "QUIT_TIMEOUT_S", 0.05)

    def part(conn: socket.socket) -> None:
        welcome(conn)
        hear(conn, "hello", "list")
        conn.sendall(encode_rows(["hello"]))
        hear(conn, "quit")
        finished.result(TIMEOUT_S)

    finished: Future[None] = Future()
    with playing(part) as (port, _), Client(HOST, port, "ann") as user:
        user.send("hello")
        user.send("list")
        assert list(user.rows()) == ["hello"]
        assert user.quit()
        finished.set_result(None)


def test_each_command_leaves_in_one_send(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps the bounds of each send
    monkeypatch.setattr(client, "_connect", lambda host, port: here)
    with there:
        there.send(encode(BANNER))
        with Client(HOST, 0, "ann") as user:
            user.send("hello")
            user.send("dm", "bob", "hi")
            assert [there.recv(99) for _ in range(3)] == [b"0003ann", b"0005hello", b"0002dm0003bob0002hi"]


def test_nagles_algorithm_is_off(original: OriginalServer) -> None:
    with client._connect(HOST, original.port) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
