"""A plugin is loaded afresh while the board runs: its new version serves, or the old one goes on."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from bbs_core import plugin_switches
from bbs_core.cli import main
from bbs_core.platform.modules import PREFIX
from tests.effects.kit import act
from tests.platform.outside import put
from tests.stock.double import StockClient
from tests.support import BoardProcess
from tests.wire.live import LiveBoard

WAIT_S = 20
OTHERS: set[threading.Thread] = set()
VERSION = """
    from bbs_core.plugin import command, every, hookimpl

    @command("/version")
    {kind} version(session):
        return "{version}"

    @hookimpl
    def bbs_posts_committed(posts):
        pass

    @every("1h")
    async def tick():
        pass
"""
PACKAGE = """
    from bbs_core.plugin import command
    from .deep import names

    @command("/version")
    def version():
        from .deep import late
        return names.NAME + late.NAME
"""
BROKEN = (
    "def broken(:",
    "import nothing_of_this_name",
    "while True: pass",
    "from bbs_core.plugin import command",
    "from bbs_core.plugin import command\n\n@command('/who')\ndef who(session): ...",
)


STORED = """
    import sqlalchemy as sa
    from bbs_core.plugin import command, migration

    rounds = sa.table("plugin_dice__rounds", sa.column("id"), sa.column("told"))

    @command("/version")
    async def version(storage):
        await storage.write(sa.insert(rounds).values(id=await storage.add("calls")))
        [row] = await storage.read(sa.select(sa.func.count().label("rounds")).select_from(rounds))
        return f"{version}: {{await storage.get('calls')}} calls, {{row['rounds']}} rounds"

    @migration(1)
    def first(schema):
        schema.create_table("plugin_dice__rounds", sa.Column("id", sa.Integer, primary_key=True))
"""
TOLD = """
    @migration(2)
    def second(schema):
        schema.add_column("plugin_dice__rounds", sa.Column("told", sa.Text, server_default="yes"))
        schema.execute(sa.update(rounds).values(told="{told}"))
"""


def put_version(data: Path, version: object, kind: str = "def", name: str = "dice") -> None:
    put(data, f"{name}.py", VERSION.format(kind=kind, version=version))


def answer(client: StockClient, typed: str = "/version") -> str:
    client.post(typed)
    [row] = client.list()
    return row.removeprefix("* ")


def reload(board: LiveBoard, name: str = "dice") -> None:
    act(board, plugin_switches.reload_plugin, name, "a newer one")


def test_the_new_version_serves_though_it_is_as_long_and_as_old_as_the_former(tmp_path: Path) -> None:
    put_version(tmp_path, 1)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        for number in range(1, 5):
            put_version(tmp_path, number)
            reload(board)
            assert answer(ann) == str(number)


def test_a_package_comes_with_all_of_its_modules(tmp_path: Path) -> None:
    put(tmp_path, "dice/__init__.py", PACKAGE)
    put(tmp_path, "dice/deep/__init__.py", "")
    put_names(tmp_path, 0)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        for number in range(3):
            put_names(tmp_path, number)
            reload(board)
            assert answer(ann) == f"v{number}l{number}"


def put_names(data: Path, number: int) -> None:
    put(data, "dice/deep/names.py", f"NAME = 'v{number}'")
    put(data, "dice/deep/late.py", f"NAME = 'l{number}'")


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving_and_says_why(tmp_path: Path) -> None:
    put_version(tmp_path, "old")
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        for source in BROKEN:
            put(tmp_path, "dice.py", source)
            reload(board)
            assert board.app.plugins["dice"].state == "loaded"
            assert board.app.plugins["dice"].reason.startswith("A newer version cannot be loaded: ")
            assert answer(ann) == "old"
        put_version(tmp_path, "new")
        reload(board)
        assert answer(ann) == "new"
        assert board.app.plugins["dice"].reason == ""


def test_what_was_put_into_the_folder_since_the_start_is_found(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        put_version(tmp_path, "new")
        put_version(tmp_path, "not asked for", name="coin")
        reload(board)
        assert answer(ann) == "new"
        assert "coin" not in {plugin.name for plugin in board.app.plugins.plugins}
        reload(board, "nothing")


def test_a_call_in_flight_ends_as_it_began(tmp_path: Path) -> None:
    waiting = """
        import asyncio
        from bbs_core.plugin import command

        begun, go_on = asyncio.Event(), asyncio.Event()

        @command("/version")
        async def version(session):
            begun.set()
            await go_on.wait()
            from . import names
            return names.NAME
    """
    put(tmp_path, "dice/__init__.py", waiting)
    put(tmp_path, "dice/names.py", "NAME = 'old'")
    with LiveBoard(tmp_path) as board, board.client("ann") as ann, board.client("bob") as bob:
        old = board.app.plugins["dice"].module
        assert old is not None
        ann.post("/version")
        board.wait(asyncio.wait_for(old.begun.wait(), WAIT_S))
        put(tmp_path, "dice/__init__.py", waiting.replace("await go_on.wait()", ""))
        reload(board)
        assert answer(bob) == "old"
        board.call(old.go_on.set)
        assert ann.list() == ["* old"]


def test_two_hundred_calls_at_once_see_one_version_or_the_other(tmp_path: Path) -> None:
    for kind in ("def", "async def"):
        put_version(tmp_path, 0, kind)
        with LiveBoard(tmp_path) as board, ThreadPoolExecutor(20) as pool:
            start = threading.Barrier(21)

            def call(name: str, board: LiveBoard = board, start: threading.Barrier = start) -> list[str]:
                with board.client(name) as client:
                    start.wait(WAIT_S)
                    return [answer(client) for _ in range(10)]

            calls = [pool.submit(call, f"user {number}") for number in range(20)]
            start.wait(WAIT_S)
            for version in range(1, 11):
                put_version(tmp_path, version, kind)
                reload(board)
            answers = [one for called in calls for one in called.result(WAIT_S)]
            assert len(answers) == 200
            assert set(answers) <= {str(version) for version in range(11)}


def test_a_hundred_rounds_leave_nothing_behind(tmp_path: Path) -> None:
    put_version(tmp_path, 0)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        versions = []

        def left() -> tuple[int, int, int]:
            settle(board)
            modules = [name for name in sys.modules if name.startswith(PREFIX)]
            tasks = board.call(lambda: [task.get_coro().__qualname__ for task in asyncio.all_tasks()])  # type: ignore[union-attr]
            own = [name for name in tasks if name in ("Delivery.run", "repeat")]
            return len(modules), len(own), len(own_threads())

        answer(ann)
        before = left()
        for version in range(100):
            versions.append(weakref.ref(board.app.plugins["dice"].module))
            put_version(tmp_path, version)
            reload(board)
        assert answer(ann) == "99"
        assert left() == before
        gc.collect()
        assert [version() for version in versions] == [None] * 100


def test_what_is_stored_goes_on_and_its_tables_are_brought_up_to_date(tmp_path: Path, database_url: str) -> None:
    first, second = STORED.format(version="first"), STORED.format(version="second") + TOLD.format(told="once")
    failing = second.replace("first", "third") + "        schema.drop_table('plugin_dice__nothing')\n"
    put(tmp_path, "dice.py", first)
    with LiveBoard(tmp_path, server={"database": database_url}) as board, board.client("ann") as ann:
        assert answer(ann) == "first: 1 calls, 1 rounds"
        put(tmp_path, "dice.py", failing)
        reload(board)
        why = "A newer version cannot be loaded: Migration 2 failed (dice.py:"
        assert board.app.plugins["dice"].reason.startswith(why)
        assert answer(ann) == "first: 2 calls, 2 rounds"
        put(tmp_path, "dice.py", second)
        reload(board)
        assert board.app.plugins["dice"].reason == ""
        assert answer(ann) == "second: 3 calls, 3 rounds"
        assert told(board) == ["once", "once", "yes"]
        put(tmp_path, "dice.py", first)
        reload(board)
        assert "made by a newer version" in board.app.plugins["dice"].reason
        assert answer(ann) == "second: 4 calls, 4 rounds"


def told(board: LiveBoard) -> list[str]:
    rounds = sa.table("plugin_dice__rounds", sa.column("id", sa.Integer), sa.column("told", sa.Text))
    query = sa.select(rounds.c.told).order_by(rounds.c.id)
    return [*board.app.access.read(lambda connection: connection.execute(query).scalars().all())]


@pytest.fixture(autouse=True)
def others() -> set[threading.Thread]:
    """The threads that are there before a test; other boards of this process may have left them."""
    OTHERS.clear()
    OTHERS.update(threading.enumerate())
    return OTHERS


def own_threads() -> list[threading.Thread]:
    """Return the threads of the plugin that began in this test."""
    return [one for one in threading.enumerate() if one.name == "plugin-dice" and one not in OTHERS]


def settle(board: LiveBoard) -> None:
    """Wait until the lives of the old plugins have ended, and their threads."""

    async def ended() -> None:
        changing = board.app.life.changing
        if changing:
            await asyncio.wait(changing)

    board.wait(ended())
    in_use = board.app.plugins["dice"].runner
    for thread in own_threads():
        if in_use is not None and thread not in in_use.pool._threads:  # type: ignore[union-attr]
            thread.join(WAIT_S)


def test_the_command_line_says_what_became_of_it(tmp_path: Path) -> None:
    put_version(tmp_path, "old")
    with BoardProcess(tmp_path) as board, board.client("ann") as ann:

        def bbs(name: str) -> tuple[int, str]:
            done = CliRunner().invoke(main, ["plugin", "reload", name, "--reason", "newer", "--data", str(tmp_path)])
            return done.exit_code, done.output.strip()

        put_version(tmp_path, "new")
        assert bbs("dice") == (0, "dice is loaded afresh.")
        assert answer(ann) == "new"
        put(tmp_path, "dice.py", "import nothing_of_this_name")
        code, said = bbs("dice")
        assert code == 2
        assert said.startswith("Error: A newer version cannot be loaded: ModuleNotFoundError")
        assert bbs("nothing") == (2, "Error: There is no plugin nothing.")
        assert answer(ann) == "new"
    nobody = "No server runs in this data folder; what serves this board elsewhere loads it afresh in a moment."
    assert bbs("dice") == (0, nobody)
