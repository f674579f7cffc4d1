"""The double talks to the original's design, and falls over wherever the stock client would."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from .double import BANNER, END_IN_FRAME_EXIT, StockClient, receive_message, send_message
from .original import running

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
SCRIPT = str(Path(__file__).with_name("double.py"))

Part = Callable[[socket.socket], object]


def run_double(port: int, *lines: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, HOST, str(port), "ann", *options]
    stdin = "".join(line + "\n" for line in lines)
    return subprocess.run(command, input=stdin, capture_output=True, encoding="utf-8", timeout=30)


@pytest.fixture
def port() -> Iterator[int]:
    with running() as server:
        yield server.port


@contextmanager
def playing(part: Part) -> Iterator[tuple[int, Future[object]]]:
    """Accept one connection and play a server's part on it; what the part returns is the future's result."""

    def play() -> object:
        conn, _ = listener.accept()
        conn.settimeout(10)
        with conn:
            return part(conn)

    with socket.create_server((HOST, 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(10)
        yield listener.getsockname()[1], pool.submit(play)


def read_to_end(conn: socket.socket) -> bytes:
    return b"".join(iter(lambda: conn.recv(4096), b""))


def welcome(conn: socket.socket) -> None:
    send_message(conn, BANNER)
    receive_message(conn)


def test_the_script_prints_what_the_stock_client_prints(port: int) -> None:
    done = run_double(port, "hello", "", "list", "dm", "ann", "list", "listdm", "listdms", "quit")
    assert done.stdout == (
        "BBS Server 1.2\nMessage: Message: Message: 127.0.0.1 hello\n127.0.0.1 \n"
        "Message: To? Message (DM): Message: list\nMessage: list\nMessage: "
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_two_clients_read_each_other(port: int) -> None:
    with StockClient(HOST, port, "ann") as ann, StockClient(HOST, port, "bob") as bob:
        assert ann.banner == bob.banner == BANNER
        ann.post("hello")
        ann.dm("bob", "quit")
        assert ann.list() == ["127.0.0.1 hello"]
        assert bob.list() == ["127.0.0.1 hello"]
        assert bob.listdm() == bob.listdm("listdms") == ["quit"]
        assert ann.listdm() == []
        ann.quit()
        assert bob.quit_and_wait_eof() == b""


def test_the_reference_server_prints_its_port() -> None:
    command = [sys.executable, "-m", "tests.stock.original", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            with StockClient(HOST, int(server.stdout.readline()), "ann") as client:
                assert client.list() == []
        finally:
            server.kill()


def test_the_reference_server_reads_a_header_as_bytes(port: int) -> None:
    with StockClient(HOST, port, "ann") as ann, StockClient(HOST, port, "bob") as bob:
        ann.post("café")
        with pytest.raises((ValueError, ConnectionError)):
            ann.list()  # "caf" and half a letter is not UTF-8: the session has died
        assert bob.list() == []


def test_header_and_text_go_out_in_two_sends_and_the_header_counts_code_points() -> None:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # keeps the bounds of each send
    with sender, receiver:
        receiver.settimeout(10)
        send_message(sender, "café")
        assert (receiver.recv(99), receiver.recv(99)) == (b"0004", "café".encode())
        send_message(sender, "a" * 10_000)
        assert receiver.recv(99) == b"10000"


def test_nagles_algorithm_stays_on(port: int) -> None:
    with StockClient(HOST, port, "ann") as client:
        assert client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0


def test_escaped_lines_carry_any_text() -> None:
    def part(conn: socket.socket) -> bytes:
        send_message(conn, BANNER)
        return read_to_end(conn)

    with playing(part) as (port, heard):
        done = run_double(port, r"a\n\u00e9\\", "日\\U0001f600\\x00", "quit", options=("--escape",))
        assert done.returncode == 0
        assert heard.result(10) == "0003ann0004a\né\\0003日😀\x000004quit".encode()


def test_a_torn_header_of_a_count_crashes_the_script() -> None:
    def part(conn: socket.socket) -> None:
        welcome(conn)
        assert receive_message(conn) == "list"
        conn.sendall(b"0")  # of "00011" and so on; the rest would be held back until the client asks again
        assert read_to_end(conn) == b""

    with playing(part) as (port, heard):
        done = run_double(port, "list", "quit")
        assert (done.returncode, "ValueError: invalid literal for int()" in done.stderr) == (1, True)
        heard.result(10)


def test_a_torn_header_of_a_row_crashes_the_script() -> None:
    def part(conn: socket.socket) -> None:
        welcome(conn)
        assert receive_message(conn) == "list"
        conn.sendall(b"000110")
        # That the next command comes shows that the client took the last byte for a whole header.
        assert receive_message(conn) == "list"
        conn.sendall(b"005hello00011")

    with playing(part) as (port, heard):
        done = run_double(port, "list", "list", "quit")
        assert (done.returncode, "ValueError: invalid literal for int()" in done.stderr) == (1, True)
        assert done.stdout == "BBS Server 1.2\nMessage: \nMessage: "
        heard.result(10)


def test_a_torn_banner_is_a_wrong_protocol() -> None:
    def part(conn: socket.socket) -> bytes:
        conn.sendall(b"0")
        return read_to_end(conn)

    with playing(part) as (port, heard):
        assert run_double(port, "hello", "quit").stdout == "\nWrong protocol!\n"
        assert heard.result(10) == b""


def test_a_count_of_characters_breaks_the_script() -> None:
    def part(conn: socket.socket) -> None:
        welcome(conn)
        receive_message(conn)
        conn.sendall("000120004café".encode())
        read_to_end(conn)

    with playing(part) as (port, _):
        done = run_double(port, "list", "quit")
        assert (done.returncode, "UnicodeDecodeError" in done.stderr) == (1, True)


def test_another_banner_is_printed_and_ends_the_script() -> None:
    def part(conn: socket.socket) -> bytes:
        send_message(conn, "Closed until noon")
        return read_to_end(conn)

    with playing(part) as (port, heard):
        done = run_double(port, "hello", "quit")
        assert done.stdout == "Closed until noon\nWrong protocol!\n"
        assert (done.returncode, done.stderr) == (0, "")
        assert heard.result(10) == b""


def test_another_banner_is_kept_by_the_class_and_no_name_is_sent() -> None:
    def part(conn: socket.socket) -> bytes:
        send_message(conn, "Closed until noon")
        return read_to_end(conn)

    with playing(part) as (port, heard):
        assert StockClient(HOST, port, "ann").banner == "Closed until noon"
        assert heard.result(10) == b""


def test_an_end_inside_a_frame_has_its_own_exit_code() -> None:
    def part(conn: socket.socket) -> None:
        welcome(conn)
        receive_message(conn)
        conn.sendall(b"000110005hel")

    with playing(part) as (port, _):
        done = run_double(port, "list", "quit")
        assert done.returncode == END_IN_FRAME_EXIT
        assert "Traceback" not in done.stderr


def test_a_bare_close_is_a_traceback() -> None:
    with playing(welcome) as (port, _):
        done = run_double(port, "list", "quit")
        assert (done.returncode, "Traceback" in done.stderr) == (1, True)


def test_the_end_of_stdin_is_a_traceback(port: int) -> None:
    done = run_double(port, "hello")
    assert (done.returncode, "EOFError" in done.stderr) == (1, True)


def test_waiting_for_the_end_reads_what_comes_after_quit() -> None:
    def part(conn: socket.socket) -> None:
        welcome(conn)
        assert read_to_end(conn) == b"0004quit"
        conn.sendall(b"late")

    with playing(part) as (port, heard):
        assert StockClient(HOST, port, "ann").quit_and_wait_eof() == b"late"
        heard.result(10)


def test_the_script_waits_for_the_end_when_told_to() -> None:
    def part(conn: socket.socket) -> None:
        welcome(conn)
        assert read_to_end(conn) == b"0004quit"
        # Waits for an acknowledged end: a peer that had closed would reset the connection at the first byte.
        conn.sendall(b"late")
        conn.shutdown(socket.SHUT_WR)
        assert read_to_end(conn) == b""

    with playing(part) as (port, heard):
        assert run_double(port, "quit", options=("--wait-eof",)).returncode == 0
        heard.result(10)


def test_timed_lists_are_one_json_line(port: int) -> None:
    with StockClient(HOST, port, "bob") as bob:
        bob.post("hello")
        bob.list()
    done = run_double(port, options=("--time-list", "3"))
    banner, line = done.stdout.splitlines()
    timed = json.loads(line)
    assert (banner, timed["rows"], len(timed["list_s"])) == (BANNER, 1, 3)
    assert all(seconds > 0 for seconds in timed["list_s"])
    assert done.returncode == 0


def test_a_small_receive_buffer_is_set(port: int) -> None:
    with socket.socket() as plain, StockClient(HOST, port, "ann", rcvbuf=2048) as client:
        small, usual = (sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for sock in (client.sock, plain))
        assert small < usual
        assert client.list() == []


def naps(monkeypatch: pytest.MonkeyPatch, pause_ms: float, seed: int) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)

    def part(conn: socket.socket) -> bytes:
        welcome(conn)
        conn.sendall(b"x" * 1000)
        return read_to_end(conn)

    with playing(part) as (port, _), StockClient(HOST, port, "ann", pause_ms=pause_ms, seed=seed) as client:
        for _ in range(1000):
            client.sock.recv(1)
    return taken


def test_pauses_are_bounded_and_follow_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    first = naps(monkeypatch, 5, seed=1)
    assert all(0 <= nap_s <= 0.005 for nap_s in first)
    assert first == naps(monkeypatch, 5, seed=1)
    assert first != naps(monkeypatch, 5, seed=2)
    assert naps(monkeypatch, 0, seed=1) == []


def test_a_paused_script_reads_every_row(port: int) -> None:
    done = run_double(port, "a", "b", "list", "quit", options=("--pause-ms", "1", "--rcvbuf", "2048", "--seed", "3"))
    assert "127.0.0.1 a\n127.0.0.1 b\n" in done.stdout
    assert done.returncode == 0


def test_a_silent_server_times_out() -> None:
    with socket.create_server((HOST, 0)) as listener, pytest.raises(TimeoutError):
        StockClient(HOST, listener.getsockname()[1], "ann", timeout_s=0.05)
