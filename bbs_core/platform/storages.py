"""What one plugin keeps, and its tables brought up to date before it is at work."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, TypeVar

from bbs_core.errors import BBSError, PluginError, StorageError, StoreError, for_users
from bbs_core.platform.commands import place, written
from bbs_core.platform.implementation import taken
from bbs_core.store import plugin_schemas, plugin_tables, plugin_values
from bbs_core.store.access import Access, scratch
from bbs_core.store.plugin_compiler import NAME, prefix_of
from bbs_core.store.plugin_schemas import Migration, Recorder
from bbs_core.store.plugin_statements import READS, Guard
from bbs_core.store.readers import Readers
from bbs_core.store.writer import Writer

T = TypeVar("T")
# One plugin's; whoever has more to read or write at once waits for his own.
CALLS_LIMIT = 100
# Each has found another value than the one before, so somebody else was faster each time.
TRIES = 100
# Of one migration; to look at them takes a moment each, and at a start all plugins together have ten seconds.
STEPS = 200
# A database that is at work ends everything of a plugin before.
SILENT_S = plugin_schemas.MIGRATION_S

Migrate = Callable[[str, Sequence[Migration]], None]


class Storages:
    """The storages of one server's plugins; their reads of tables leave a reader to the board, if it has several."""

    def __init__(self, readers: Readers, writer: Writer, reads: int) -> None:
        self._readers = readers
        self._writer = writer
        self._reads = asyncio.Semaphore(max(1, reads - 1))

    def of(self, plugin: str) -> PluginStorage:
        """Return the storage of a plugin."""
        return PluginStorage(plugin, self._readers, self._writer, self._reads)


class PluginStorage:
    """What a plugin is given as `storage`; no code of it runs in another thread than its own."""

    def __init__(self, plugin: str, readers: Readers, writer: Writer, reads: asyncio.Semaphore) -> None:
        self._plugin = plugin
        self._readers = readers
        self._writer = writer
        self._reads = reads
        self._gets = asyncio.Semaphore(CALLS_LIMIT)
        self._writes = asyncio.Semaphore(CALLS_LIMIT)
        self._alone = asyncio.Semaphore(1)

    async def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key."""
        text = await self._text(plugin_values.as_key(key))
        return default if text is None else json.loads(text)

    async def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        await self._write(plugin_values.put, plugin_values.as_key(key), plugin_values.as_text(value))

    async def delete(self, key: str) -> None:
        """Forget a key."""
        await self._write(plugin_values.delete, plugin_values.as_key(key))

    async def add(self, key: str, amount: float = 1) -> float:
        """Add to a number."""
        total: float = await self._write(plugin_values.add, plugin_values.as_key(key), amount)
        return total

    async def change(self, key: str, function: Callable[[Any], Any]) -> Any:
        """Put in the place of a value what a function makes of it."""
        place = plugin_values.as_key(key)
        before = await self._text(place)
        for _ in range(TRIES):
            value = function(None if before is None else json.loads(before))
            after = plugin_values.as_text(value)
            swapped, before = await self._write(plugin_values.swap, place, before, after)
            if swapped:
                return value
        raise StorageError("Others have changed it each time.")

    async def items(self, prefix: str = "", *, after: str = "", limit: int = 100) -> Mapping[str, Any]:
        """Return keys with their values."""
        begin, behind = plugin_values.as_key(prefix), plugin_values.as_key(after)
        find = partial(plugin_values.items, plugin=self._plugin, prefix=begin, after=behind, limit=limit)
        found = await _in_turn(self._gets, lambda: self._readers.read(find))
        return {key: json.loads(text) for key, text in found}

    async def read(self, statement: Any) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a SELECT."""
        self._guard.check(statement, READS)
        do = partial(plugin_tables.read, statement=statement)
        return await _in_turn(self._reads, lambda: self._readers.read(do))

    async def write(self, *statements: Any) -> int:
        """Change rows."""
        do = partial(plugin_tables.write, work=[self._guard.checked(one) for one in statements])
        return await _in_turn(self._alone, lambda: _done(self._writer.alone(do)))

    @property
    def is_silent(self) -> bool:
        """Whether the database keeps somebody waiting longer than any statement of a plugin may take."""
        return max(self._readers.busy_s, self._writer.busy_s) > SILENT_S

    @property
    def _guard(self) -> Guard:
        return Guard(self._plugin, self._writer.dialect)

    async def _text(self, key: bytes) -> str | None:
        find = partial(plugin_values.get, plugin=self._plugin, key=key)
        return await _in_turn(self._gets, lambda: self._readers.read(find))

    async def _write(self, do: Callable[..., Any], *arguments: Any) -> Any:
        aside = self._writer.aside
        return await _in_turn(self._writes, lambda: _done(aside(lambda one: do(one, self._plugin, *arguments))))


async def _in_turn(turns: asyncio.Semaphore, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do work in its turn, which lasts until the work has ended, also where nobody waits for it any more.

    Whoever gives each up at once would otherwise fill the queue of the database, and posts wait behind it.
    """
    await turns.acquire()
    work = asyncio.ensure_future(begin())
    work.add_done_callback(partial(_ended, turns))
    return await _told(asyncio.shield(work))


def _ended(turns: asyncio.Semaphore, work: asyncio.Task[Any]) -> None:
    """Give the turn to another; an outcome that nobody waits for is not lost, so the loop has nothing to report."""
    turns.release()
    if not work.cancelled():
        work.exception()


async def _done(work: Future[T]) -> T:
    return await asyncio.wrap_future(work)


async def _told(work: Awaitable[T]) -> T:
    """A database that does not answer is no fault of the plugin; its user may read so."""
    try:
        return await work
    except StorageError:
        raise
    except BBSError as error:
        raise for_users(error) from None


def recorded(plugin: str, module: ModuleType) -> list[Migration]:
    """Return what the migrations of a module do, in their order. Raises PluginError, and whatever they raise."""
    functions = [one for one in vars(module).values() if isinstance(getattr(one, "bbs_migration", None), int)]
    if functions:
        prefix_of(plugin)
    return [_recorded(plugin, function, number) for number, function in enumerate(functions, 1)]


def _recorded(plugin: str, function: Any, expected: int) -> Migration:
    number, there = function.bbs_migration, place(function)
    if number != expected:
        raise PluginError(f"Migration {number} stands where migration {expected} belongs ({there}).")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise PluginError(f"Migration {number} is neither async nor a generator ({there}).")
    migration = Migration(number, there)
    try:
        function(Recorder(plugin, migration.steps))
    except PluginError as error:
        raise PluginError(f"Migration {number} ({there}): {error}") from None
    if len(migration.steps) > STEPS:
        raise PluginError(f"Migration {number} ({there}) has {len(migration.steps):,} steps, and {STEPS} at most.")
    return migration


def refuse_plain(functions: Collection[Any]) -> None:
    """Raise PluginError for a function that asks for storage and cannot await it."""
    for function in functions:
        source = written(function)
        is_async = inspect.iscoroutinefunction(source) or inspect.isasyncgenfunction(source)
        if "storage" in taken(function) and not is_async:
            raise PluginError(f"A function asks for storage and cannot await it ({place(function)}): make it async.")


def migrate(access: Access, plugin: str, migrations: Sequence[Migration]) -> None:
    """Bring the tables of a plugin up to date. Raises PluginError."""
    if not NAME.fullmatch(plugin):
        return
    try:
        present, kept = access.read(lambda connection: plugin_schemas.versions(connection, plugin))
        plugin_schemas.refuse_newer(max(present, kept), len(migrations))
        if present < len(migrations):
            access.write(lambda connection: plugin_schemas.migrate(connection, plugin, migrations))
    except StoreError as error:
        raise PluginError(f"Its tables cannot be brought up to date: {error}") from error


@contextmanager
def trying() -> Iterator[Migrate]:
    """Yield what tries migrations on an empty database of its own."""
    with TemporaryDirectory(prefix="bbs-") as folder, scratch(Path(folder)) as access:
        yield partial(migrate, access)
