"""`bbs backup` of a live board and `bbs restore` into an empty one: every row comes back, on either database."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import sqlalchemy as sa

from bbs_core.errors import StoreError
from bbs_core.ledger import Ledger, open_key
from bbs_core.store import archive
from bbs_core.store.engine import database_url as url_of
from tests.faults.archives import filled, rows, where
from tests.faults.crowd import crowd
from tests.support import ROOT, BoardProcess, bbs

POSTS_BEFORE_A_BACKUP = 200
DAMAGES = 25


def test_every_row_comes_back(tmp_path: Path, database_url: str, other_database: str) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "board.zip"
    filled(old, database_url)
    made = bbs("backup", file, *where(old, database_url))
    assert made.returncode == 0, made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    back = bbs("restore", file, *where(new, other_database))
    assert back.returncode == 0, back.stderr
    before = rows(old, database_url)
    assert all(before[name] for name in ("users", "posts", "messages", "staff", "tokens", "acts", "act_texts"))
    assert rows(new, other_database) == before
    assert (new / "bbs.toml").read_bytes() == (ROOT / "config" / "bbs.toml").read_bytes()
    with sa.create_engine(url_of(other_database, new)).connect() as connection:
        assert Ledger(open_key(old)).verify(connection) == []
    goes_on(new, other_database)


def goes_on(data: Path, database: str) -> None:
    """A restored board takes posts and staff, numbered behind what was read in."""
    with BoardProcess(data, database) as board, board.client("bob") as bob:
        assert bob.listdm() == ["x" * 9999]
        bob.post("more")
        assert bob.list() == ["127.0.0.1 hello␀日本語", "127.0.0.1 more"]
        more = bbs("staff", "add", "max", "--role", "owner", "--password-stdin", *where(data, database), stdin="q" * 12)
        assert more.returncode == 0, more.stderr


def test_a_backup_under_load_is_one_moment_of_the_board(tmp_path: Path, database_url: str) -> None:
    data, file = tmp_path / "data", tmp_path / "board.zip"
    with BoardProcess(data, database_url, limits_posts_per_second=0) as board:
        with crowd(board, 0) as memory:
            memory.wait_for_posts(POSTS_BEFORE_A_BACKUP)
            promised = len(memory.promised)
            assert bbs("backup", file, *where(data, database_url)).returncode == 0
            board.kill()
        assert bbs("restore", file, *where(tmp_path / "new", "")).returncode == 0
        restored, present = rows(tmp_path / "new", ""), rows(data, database_url)
    posts = restored["posts"]
    assert posts == present["posts"][: len(posts)]
    texts = {post[3] for post in posts}
    assert set(memory.promised[:promised]) <= texts
    assert sum(int(str(user[6])) for user in restored["users"]) == len(posts)


def test_a_damaged_file_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    filled(tmp_path / "old", "")
    file, damaged, new = tmp_path / "board.zip", tmp_path / "damaged.zip", tmp_path / "new"
    assert bbs("backup", file, "--data", tmp_path / "old").returncode == 0
    whole, places = file.read_bytes(), random.Random(1)
    for number in range(DAMAGES):
        broken = bytearray(whole)
        broken[places.randrange(len(whole))] ^= 1 << places.randrange(8)
        damaged.write_bytes(broken if number % 2 else whole[: places.randrange(len(whole))])
        try:
            archive.check(damaged)
        except StoreError:
            continue
        # Some bits of a zip file mean nothing; what is read must then be what was written.
        assert contents(damaged) == contents(file)
    damaged.write_bytes(whole[: len(whole) // 2])
    refused = bbs("restore", damaged, "--data", new)
    assert refused.returncode == 2
    assert refused.stderr == f"Error: {damaged} is damaged or no backup of a board: nothing was changed.\n"
    assert not any((new / name).exists() and (new / name).stat().st_size for name in ("bbs.sqlite3", "bbs.toml"))


def contents(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_nothing_is_written_over(tmp_path: Path) -> None:
    filled(tmp_path / "data", "")
    file = tmp_path / "board.zip"
    file.write_bytes(b"mine")
    refused = bbs("backup", file, "--data", tmp_path / "data")
    assert (refused.returncode, refused.stderr) == (2, f"Error: {file} exists already: name another file.\n")
    assert file.read_bytes() == b"mine"
    file.unlink()
    assert bbs("backup", file, "--data", tmp_path / "data").returncode == 0
    again = bbs("restore", file, "--data", tmp_path / "data")
    assert again.stderr == "Error: There is a board already: name an empty data folder or database.\n"


def test_there_is_no_backup_of_nothing(tmp_path: Path) -> None:
    refused = bbs("backup", tmp_path / "board.zip", "--data", tmp_path / "none")
    assert refused.stderr.startswith(f"Error: There is no board in {tmp_path / 'none'}: ")
    assert not (tmp_path / "none").exists()
