"""Migrations of plugins: recorded, checked, and done by the board in one transaction or not at all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from bbs_core import acts, plugin_switches
from bbs_core.acts import Desk
from bbs_core.cli import main
from bbs_core.errors import BBSError
from bbs_core.store import archive, plugin_schemas
from bbs_core.store.engine import database_url as url_of
from bbs_core.store.engine import writing_engine
from bbs_core.store.models import PluginSchema
from tests.effects.kit import STAFF, act
from tests.platform.outside import put
from tests.support import fresh_postgres_database
from tests.wire.live import LiveBoard

HEAD = """
    import sqlalchemy as sa
    from bbs_core.plugin import command, migration

    ID = {"primary_key": True}
    scores = sa.table("plugin_dice__scores", sa.column("id"), sa.column("name"), sa.column("points"))

    @command("/scores")
    async def show(storage):
        return [str(sorted(row.items())) for row in await storage.read(sa.select(scores))]

    @migration(1)
    def first(schema):
        schema.create_table("plugin_dice__players", sa.Column("id", sa.Integer, **ID))
        schema.create_table("plugin_dice__scores", sa.Column("id", sa.Integer, **ID),
                            sa.Column("name", sa.Text, unique=True), sa.Column("points", sa.Integer, index=True),
                            sa.Column("player_id", sa.ForeignKey("plugin_dice__players.id")),
                            sa.Column("above_id", sa.ForeignKey("plugin_dice__scores.id")),
                            sa.CheckConstraint(sa.column("points") >= 0))
        schema.execute(sa.insert(scores).values(id=1, name="ann", points=5))
"""
SECOND = """
    @migration(2)
    def second(schema):
        schema.add_column("plugin_dice__scores", sa.Column("team", sa.Text, nullable=False, server_default="red"))
        schema.create_index("ix_plugin_dice__scores_team", "plugin_dice__scores", ["team", "id"], unique=True)
        schema.execute(sa.update(scores).values(points=scores.c.points * 2))
        schema.drop_index("ix_plugin_dice__scores_team", "plugin_dice__scores")
        schema.add_column("plugin_dice__scores", sa.Column("gone", sa.Integer))
        schema.drop_column("plugin_dice__scores", "gone")
        schema.create_table("plugin_dice__gone", sa.Column("id", sa.Integer, **ID))
        schema.drop_table("plugin_dice__gone")
"""
COUNTING = """
    @command("/count")
    async def count(storage):
        return str(await storage.add("calls"))
"""
FAILING = """
    @migration(3)
    def third(schema):
        schema.create_table("plugin_dice__half", sa.Column("id", sa.Integer, **ID))
        schema.execute(sa.insert(scores).values(id=1, name="again", points=1))
"""
RUNAWAY = """
    @migration(3)
    def third(schema):
        numbers = sa.select(sa.literal(100).label("n")).cte("numbers", recursive=True)
        numbers = numbers.union_all(sa.select(numbers.c.n + 1))
        schema.execute(sa.insert(scores).from_select(["id"], sa.select(numbers.c.n)))
"""


def looked_at(data: Path, database: str) -> tuple[int, list[str]]:
    """Return how far the tables of the plugin have come, and their names."""
    engine = writing_engine(url_of(database, data))
    with engine.connect() as connection:
        version = connection.execute(sa.select(PluginSchema.version).where(PluginSchema.plugin == "dice")).scalar() or 0
        names = [name for name in sa.inspect(connection).get_table_names() if name.startswith("plugin_dice_")]
    engine.dispose()
    return version, sorted(names)


def test_migrations_are_done_in_their_order_each_once(tmp_path: Path, database_url: str) -> None:
    for source, version, points in ((HEAD, 1, 5), (HEAD + SECOND, 2, 10), (HEAD + SECOND, 2, 10)):
        put(tmp_path, "dice.py", source)
        with LiveBoard(tmp_path, server={"database": database_url}) as board, board.client("ann") as ann:
            assert board.app.plugins["dice"].reason == ""
            ann.post("/scores")
            assert ann.list() == [f"* [('id', 1), ('name', 'ann'), ('points', {points})]"]
        assert looked_at(tmp_path, database_url) == (version, ["plugin_dice__players", "plugin_dice__scores"])


@pytest.mark.parametrize(("last", "why"), [(FAILING, "Migration 3 failed (dice.py:"), (RUNAWAY, "longer than 0.5 s")])
def test_one_that_fails_leaves_nothing_and_the_board_listens(
    tmp_path: Path, database_url: str, last: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_schemas, "MIGRATION_S", 0.5)
    put(tmp_path, "dice.py", HEAD + SECOND + last)
    with LiveBoard(tmp_path, server={"database": database_url}) as board, board.client("ann") as ann:
        plugin = board.app.plugins["dice"]
        assert plugin.state == "failed"
        assert why in plugin.reason
        assert "again" not in plugin.reason
        ann.post("hello")
        assert len(ann.list()) == 1
        assert board.app.writer.failing is None
    assert looked_at(tmp_path, database_url) == (0, [])


def test_tables_of_a_newer_version_are_left_alone(tmp_path: Path, database_url: str) -> None:
    put(tmp_path, "dice.py", HEAD + SECOND)
    with LiveBoard(tmp_path, server={"database": database_url}):
        pass
    for source, knows in ((HEAD, "no migration after 1"), (HEAD.replace("@migration(1)", ""), "no migrations")):
        put(tmp_path, "dice.py", source)
        with LiveBoard(tmp_path, server={"database": database_url}) as board:
            why = f"Its tables were made by a newer version: they are at migration 2, and it knows {knows}."
            assert board.app.plugins["dice"].reason == why
    assert looked_at(tmp_path, database_url)[0] == 2


def test_two_servers_that_start_at_once_do_each_migration_once(tmp_path: Path, postgres_url: str) -> None:
    with fresh_postgres_database(postgres_url) as url, ThreadPoolExecutor(2) as pool:
        begin = threading.Barrier(2)

        def reason(name: str) -> str:
            put(tmp_path / name, "dice.py", HEAD + SECOND)
            begin.wait(20)
            with LiveBoard(tmp_path / name, server={"database": url}) as board:
                return board.app.plugins["dice"].reason

        assert list(pool.map(reason, ("one", "two"))) == ["", ""]
        assert looked_at(tmp_path, url)[0] == 2


FUNCTIONS = [
    ("@migration(2)\ndef x(schema): ...", "Migration 2 stands where migration 1 belongs (dice.py:5)."),
    ("@migration(1)\ndef x(schema): ...\n@migration(3)\ndef y(schema): ...", "Migration 3 stands where migration 2"),
    ("@migration(1)\ndef x(schema): ...\n@migration(1)\ndef y(schema): ...", "Migration 1 stands where migration 2"),
    ("@migration(2)\ndef x(schema): ...\n@migration(1)\ndef y(schema): ...", "Migration 2 stands where migration 1"),
    ("@migration(0)\ndef x(schema): ...", "ValueError: The first migration is 1. (dice.py:5)"),
    ("@migration(1)\nasync def x(schema): ...", "Migration 1 is neither async nor a generator (dice.py:5)."),
    ("@migration(1)\ndef x(schema): yield", "Migration 1 is neither async nor a generator (dice.py:5)."),
]
BODIES = [
    ("while True: pass", "did not end within 3.0 s (dice.py:7)."),
    ("1 / 0", "ZeroDivisionError: division by zero (dice.py:7)"),
    ("schema.make('y')", "'Recorder' object has no attribute 'make' (dice.py:7)"),
    ("schema.drop_table('users')", "Migration 1 (dice.py:5): users is none of the"),
    ("schema.add_column('posts', sa.Column('x', sa.Text))", "posts is none of the"),
    ("schema.drop_column('posts', 'text')", "posts is none of the plugin's own"),
    ("schema.create_index('ix_x', OWN, ['y'])", "ix_x is none of the plugin's own"),
    ("schema.create_index(OWN, 'posts', ['text'])", "posts is none of the"),
    ("schema.drop_index('ix_posts_user_id_id', 'posts')", "is none of the plugin's"),
    ("schema.create_table(OWN + 'y' * 50)", "is too long: a name has at most 63"),
    (
        "schema.create_table(OWN, sa.Column('y', sa.ForeignKey('users.id')))",
        "users is none of the plugin's own: their names begin with plugin_dice__.",
    ),
    (
        "schema.execute(sa.delete(sa.table('users')))",
        "Migration 1 failed (dice.py:5): users is none of the plugin's own",
    ),
    ("schema.execute(sa.text('DELETE FROM users'))", "Migration 1 failed (dice.py:5): A TextClause will not do here"),
    (
        "schema.create_table(OWN, sa.Column('y', sa.Text, server_default=sa.text('(SELECT 1)')))",
        "Migration 1 failed (dice.py:5): A plugin's statement cannot have SQL as text.",
    ),
    (
        "schema.create_table(OWN, sa.Column('y', sa.Text), sa.CheckConstraint('1 = 1); DROP TABLE users'))",
        "Migration 1 failed (dice.py:5): A plugin's statement cannot have SQL as text.",
    ),
    (
        "schema.create_table(OWN, sa.Column('y', sa.Text, nullable=False,"
        " sqlite_on_conflict_not_null='FAIL REFERENCES users(id)'))",
        "Migration 1 failed (dice.py:5): A plugin's table has no options of one kind of database.",
    ),
    (
        "schema.create_table(OWN, sa.Column('y', sa.PickleType))",
        "Migration 1 failed (dice.py:5): A plugin's statement cannot have the type PickleType.",
    ),
    (
        "schema.create_table(OWN, sa.Column('y', sa.Text), sa.UniqueConstraint('y', name='users_pkey'))",
        "users_pkey is none of the plugin's own",
    ),
    ("[schema.drop_table(OWN) for _ in range(201)]", "Migration 1 (dice.py:5) has 201 steps, and 200 at most."),
    ("schema.drop_table(OWN)", "Migration 1 failed (dice.py:5): no such table: plugin_dice__x."),
]


@pytest.mark.parametrize(("function", "why"), FUNCTIONS)
def test_bbs_plugin_check_says_what_is_wrong_with_a_migration(tmp_path: Path, function: str, why: str) -> None:
    head = "import sqlalchemy as sa\nfrom bbs_core.plugin import command, migration\nOWN = 'plugin_dice__x'\n\n"
    path = put(tmp_path, "dice.py", f"{head}{function}\n\n@command('/x')\ndef answer(): ...\n")
    checked = CliRunner().invoke(main, ["plugin", "check", str(path)])
    assert checked.exit_code == 1
    assert why in checked.output


@pytest.mark.parametrize(("body", "why"), BODIES)
def test_what_a_migration_may_not_do_is_refused(tmp_path: Path, body: str, why: str) -> None:
    function = f"@migration(1)\ndef x(schema):\n    {body}"
    test_bbs_plugin_check_says_what_is_wrong_with_a_migration(tmp_path, function, why)


def test_bbs_plugin_check_tries_the_migrations_and_lists_them(tmp_path: Path) -> None:
    path = put(tmp_path, "dice.py", HEAD + SECOND)
    checked = CliRunner().invoke(main, ["plugin", "check", str(path)])
    assert (checked.exit_code, checked.output.count("  migration ")) == (0, 2), checked.output


def test_a_plugin_whose_name_cannot_be_in_one_of_a_table_has_none(tmp_path: Path) -> None:
    for name in ("Dice", "dice__x", "dice_", "würfel", "d" * 40):
        path = put(tmp_path, f"{name}.py", HEAD)
        checked = CliRunner().invoke(main, ["plugin", "check", str(path)])
        assert f"{name!r} is not." in checked.output


def test_what_a_plugin_keeps_is_forgotten_when_it_is_not_at_work(tmp_path: Path, database_url: str) -> None:
    put(tmp_path, "dice.py", HEAD + COUNTING)
    sections: dict[str, Any] = {"server": {"database": database_url}}
    with LiveBoard(tmp_path, **sections) as board, board.client("ann") as ann:
        ann.post("/count")
        ann.list()
        board.wait(board.app.heartbeat.tell())
        with pytest.raises(BBSError, match="dice is at work: switch it off first"):
            forget(board)
        act(board, plugin_switches.disable_plugin, board.settings, "dice", "enough")
        board.wait(board.app.heartbeat.tell())
        forget(board)
        with pytest.raises(BBSError, match="Nothing is kept of a plugin dice"):
            forget(board)
        assert looked_at(tmp_path, database_url) == (0, [])
        act(board, plugin_switches.enable_plugin, board.settings, "dice", "once more")
        ann.post("/scores")
        assert ann.list()[-1] == "* [('id', 1), ('name', 'ann'), ('points', 5)]"


def forget(board: LiveBoard) -> None:
    desk = Desk(board.app.access, board.app.ledger, board.settings)
    acts.perform(desk, STAFF, "plugin.forget", {"name": "dice", "reason": "enough"})


def test_the_command_line_forgets_only_what_is_named_twice(tmp_path: Path) -> None:
    put(tmp_path, "dice.py", HEAD)
    with LiveBoard(tmp_path):
        pass
    command = ["plugin", "forget", "dice", "--reason", "enough", "--data", str(tmp_path)]
    assert CliRunner().invoke(main, command, input="dive\n").exit_code == 1
    assert looked_at(tmp_path, "")[0] == 1
    done = CliRunner().invoke(main, command, input="dice\n")
    assert "dice is forgotten: 2 tables and 0 values." in done.output
    assert looked_at(tmp_path, "") == (0, [])
    again = CliRunner().invoke(main, [*command, "--yes"])
    assert "Nothing is kept of a plugin dice." in again.output


def test_a_backup_has_what_plugins_keep(tmp_path: Path, database_url: str) -> None:
    put(tmp_path / "old", "dice.py", HEAD + COUNTING)
    with LiveBoard(tmp_path / "old", server={"database": database_url}) as board, board.client("ann") as ann:
        ann.post("/count")
        ann.list()
        archive.back_up(writing_engine(url_of(database_url, tmp_path / "old")), None, tmp_path / "backup.zip")
    put(tmp_path / "new", "dice.py", HEAD + COUNTING)
    archive.restore(writing_engine(url_of("", tmp_path / "new")), tmp_path / "new", tmp_path / "backup.zip")
    with LiveBoard(tmp_path / "new") as board, board.client("ann") as ann:
        ann.post("/count")
        ann.post("/scores")
        assert ann.list()[-2:] == ["* 2", "* [('id', 1), ('name', 'ann'), ('points', 5)]"]
