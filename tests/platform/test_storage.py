"""What a plugin keeps by its keys: of any script, on both databases, counted by many at once, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core.errors import StorageError
from bbs_core.public.storage import ITEMS, KEY_CHARACTERS, KEYS, VALUE_BYTES
from bbs_core.store.models import PluginValue
from tests.platform.outside import put
from tests.support import fresh_postgres_database
from tests.wire.live import LiveBoard

PLUGIN = """
    import asyncio
    from bbs_core.plugin import Storage, command, every, hookimpl, verb

    @command("/count")
    async def count(storage: Storage, times: int = 1):
        sums = await asyncio.gather(*(storage.add("count") for _ in range(times)))
        return str(max(sums))

    @hookimpl
    async def bbs_server_started(server, storage):
        await storage.add("starts")

    @verb("show")
    async def show(storage, key: str):
        return str(await storage.get(key))

    @every("1h")
    async def tick(storage):
        pass
"""
SCRIPTS = (
    "plain",
    "",
    "café 日本語 العربية",
    "😀👩‍👩‍👧",
    "\0",
    "a\0b",
    "\ud83d alone",
    'it\'s "quoted" -- ; % _ \\ :x',
    "\u2400",
    "x" * KEY_CHARACTERS,
    "😀" * KEY_CHARACTERS,
)
PLAIN = (None, True, 0, -1, 1.5, 10**30, "", *SCRIPTS)
VALUES: tuple[Any, ...] = (*PLAIN, [], {}, [1, ["two", None]], {"käse\0": {"": [False]}})
UNFIT: tuple[Any, ...] = (
    object(),
    float("nan"),
    float("inf"),
    (1, 2),
    {1: "one"},
    {"deep": (1,)},
    b"bytes",
    {1, 2},
    "x" * VALUE_BYTES,
    "😀" * (VALUE_BYTES // 12 + 1),
    10**5000,
)


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBoard]:
    """A board with the plugin above, once on each database."""
    data = tmp_path_factory.mktemp("data")
    put(data, "dice.py", PLUGIN)
    put(data, "other.py", PLUGIN.replace("/count", "/other"))
    with ExitStack() as stack:
        postgresql = request.param == "postgresql"
        kind = fresh_postgres_database(request.getfixturevalue("postgres_url")) if postgresql else nullcontext("")
        yield stack.enter_context(LiveBoard(data, server={"database": stack.enter_context(kind)}))


def storage(board: LiveBoard, plugin: str = "dice") -> Any:
    runner = board.app.plugins[plugin].runner
    assert runner is not None
    return runner.storage


def test_keys_and_values_of_every_script_come_back_as_they_were(live: LiveBoard) -> None:
    async def do() -> None:
        kept = storage(live)
        for key in SCRIPTS:
            await kept.put(f"s:{key}"[:KEY_CHARACTERS], [key, *VALUES])
        for key in SCRIPTS:
            assert await kept.get(f"s:{key}"[:KEY_CHARACTERS]) == [key, *VALUES]
        found = await kept.items("s:")
        assert list(found) == sorted({f"s:{key}"[:KEY_CHARACTERS] for key in SCRIPTS})
        for key in found:
            await kept.delete(key)
            await kept.delete(key)
            assert await kept.get(key, "none") == "none"
        assert await kept.items("s:") == {}

    live.wait(do())


def test_items_are_found_by_their_beginning_some_at_a_time(live: LiveBoard) -> None:
    async def do() -> None:
        kept = storage(live)
        for name in ("ann", "ann\0lee", "ann_", "anna", "an", "a%", "\U0010ffff", "ann\U0010ffff", "ann\U0010ffffz"):
            await kept.put(f"i:{name}", 1)
        found = ["i:ann", "i:ann\0lee", "i:ann_", "i:anna", "i:ann\U0010ffff", "i:ann\U0010ffffz"]
        assert list(await kept.items("i:ann")) == found
        assert list(await kept.items("i:ann", after=found[1], limit=2)) == found[2:4]
        assert list(await kept.items("i:a%")) == ["i:a%"]
        for limit in (0, -1, ITEMS + 1):
            with pytest.raises(StorageError, match="1 to 1,000"):
                await kept.items(limit=limit)

    live.wait(do())


def test_what_json_cannot_be_is_refused_and_what_was_there_stays(live: LiveBoard) -> None:
    async def do() -> None:
        kept = storage(live)
        await kept.put("unfit", "here")
        for value in UNFIT:
            with pytest.raises(StorageError):
                await kept.put("unfit", value)
        with pytest.raises(StorageError, match="200 characters; this one has 201"):
            await kept.put("k" * 201, 1)
        with pytest.raises(StorageError, match="not of the type int"):
            await kept.get(5)
        await kept.put("most", "x" * (VALUE_BYTES - 2))
        assert len(await kept.get("most")) == VALUE_BYTES - 2
        assert await kept.get("unfit") == "here"

    live.wait(do())


def test_none_of_many_that_add_at_once_is_lost(live: LiveBoard) -> None:
    names = ["ann", "bob", "eve"]
    clients = [live.client(name) for name in names]
    for client in clients:
        client.post("/count 50")
    for client in clients:
        client.list()
        client.close()

    async def do() -> None:
        kept = storage(live)
        assert await kept.get("count") == 150
        assert await kept.add("count", -0.5) == 149.5
        assert await kept.add("new", 0) == 0
        for wrong in ("text", True, None, [1]):
            await kept.put("wrong", wrong)
            with pytest.raises(StorageError, match="added to a number"):
                await kept.add("wrong")
            with pytest.raises(StorageError, match="added to a number"):
                await kept.add("new", wrong)
        await kept.put("large", 1.7e308)
        await kept.put("whole", 10**400)
        for key, amount in (("large", 1.7e308), ("whole", 1), ("whole", 0.5), ("new", 10**400)):
            with pytest.raises(StorageError, match="too large"):
                await kept.add(key, amount)

    live.wait(do())


def test_a_change_is_made_of_what_is_there_and_repeated_where_another_was_faster(live: LiveBoard) -> None:
    async def do() -> None:
        kept, seen = storage(live), []

        async def append(number: int) -> None:
            def appended(before: list[int] | None) -> list[int]:
                seen.append(number)
                return [*(before or []), number]

            assert number in await kept.change("list", appended)

        await asyncio.gather(*(append(number) for number in range(20)))
        assert sorted(await kept.get("list")) == list(range(20))
        assert len(seen) > 20

        def fail(before: object) -> object:
            raise ValueError(before)

        with pytest.raises(ValueError, match="19"):
            await kept.change("list", fail)
        assert len(await kept.get("list")) == 20

    live.wait(do())


def test_a_plugin_has_so_many_keys_and_never_those_of_another(live: LiveBoard) -> None:
    async def do() -> None:
        kept, other = storage(live), storage(live, "other")
        await other.put("mine", 1)
        assert await kept.get("mine") is None
        await kept.delete("mine")
        await asyncio.wrap_future(live.app.writer.call(fill))
        with pytest.raises(StorageError, match="10,000 keys"):
            await kept.put("one more", 1)
        await kept.put("n0", "changed")
        await other.put("one more", 1)
        await kept.delete("n1")
        await kept.put("one more", 1)
        assert await other.get("mine") == 1

    live.wait(do())


def fill(connection: sa.Connection) -> None:
    """Leave no room for another key of the plugin."""
    connection.execute(sa.delete(PluginValue).where(PluginValue.plugin == "dice"))
    rows = [{"plugin": "dice", "key": b"n%d" % number, "value": "0"} for number in range(KEYS)]
    connection.execute(sa.insert(PluginValue), rows)


def test_every_function_that_asks_for_it_is_given_it(tmp_path: Path) -> None:
    put(tmp_path, "dice.py", PLUGIN)
    for starts in (1, 2):
        with LiveBoard(tmp_path) as board:
            board.wait(board.app.life.quiet())
            assert board.wait(board.app.dispatch.run_verb("dice", "show", "starts")) == [str(starts)]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("@command('/x')\ndef x(storage): ...", "A function asks for storage and cannot await it ({}): make it async."),
        ("@verb('x')\ndef x(storage): ...", "A function asks for storage and cannot await it ({}): make it async."),
        (
            "@command('/x', isolation='process')\ndef x(storage): ...",
            "/x runs in a process of its own and cannot take storage ({}).",
        ),
    ],
)
def test_a_function_that_could_not_use_it_is_refused(tmp_path: Path, source: str, why: str) -> None:
    put(tmp_path, "coin.py", "from bbs_core.plugin import command, verb\n" + source)
    with LiveBoard(tmp_path) as board:
        assert board.app.plugins["coin"].reason == why.format("coin.py:2")
