"""The one place where the parts of a server are put together, started, and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from bbs_core import accounts, ledger, sanctions, staff
from bbs_core.board import Board
from bbs_core.chunks import Cache
from bbs_core.control import SOCKET_FILE, ControlServer
from bbs_core.dispatch import Dispatch
from bbs_core.edges import ConsoleServer, Edges
from bbs_core.effects import Acts, Effects
from bbs_core.follower import Follower
from bbs_core.heartbeat import Heartbeat
from bbs_core.host import FOLDER, PluginSet, found_plugins
from bbs_core.incidents import Incidents
from bbs_core.live_settings import LiveSettings, status_of
from bbs_core.mail import Mail
from bbs_core.metrics import Counts
from bbs_core.noticeboard import Noticeboard
from bbs_core.platform.calls import Calls
from bbs_core.platform.discovery import Plugin
from bbs_core.platform.life import Life
from bbs_core.platform.permits import Permits
from bbs_core.platform.servers import Parts
from bbs_core.platform.storages import Storages
from bbs_core.platform.storages import migrate as migrate_plugin
from bbs_core.platform.watchdog import Watchdog
from bbs_core.plugin_settings import PluginSettings
from bbs_core.presence import Presence
from bbs_core.rules import Rules
from bbs_core.search import Indexer
from bbs_core.server import Server
from bbs_core.services import Services
from bbs_core.settings import Settings
from bbs_core.settings_in_force import in_force
from bbs_core.store.access import AloneAccess, LiveAccess
from bbs_core.store.commits import Commits
from bbs_core.store.engine import database_url, outlives_power_cuts
from bbs_core.store.feed import Bell
from bbs_core.store.items import Batch
from bbs_core.store.positions import ALONE
from bbs_core.store.readers import Readers
from bbs_core.store.schema import ENGINES, Engines
from bbs_core.store.writer import Writer

log = structlog.get_logger(__name__)

# With the sessions' time, the last hooks' and the console's, a stop stays within ten seconds.
WRITER_STOP_S = 1.0
SETUP_KEY_BYTES = 24
NODE_BYTES = 8


class App:
    """A running board. The caller holds the data folder's lock; `start` and `stop` belong to one event loop.

    Tests use `open` and `close`, which are all of that without sockets and what goes on by itself, say by `find` which
    plugins there are, and keep the engines.
    """

    def __init__(
        self,
        start: Settings,
        find: Callable[[Path, PluginSettings], Iterable[Plugin]] = found_plugins,
        engines: Engines = ENGINES,
    ) -> None:
        self._start = start
        self.data = Path(start.server.data)
        url = database_url(start.server.database, self.data)
        self._engine = engines.writing(url)
        engines.prepare(self._engine, self.data)
        with self._engine.connect() as connection:
            settings = in_force(connection, start)
        if not outlives_power_cuts(self._engine):
            log.warning("fsync_off", why="PostgreSQL runs with fsync off: a power cut may lose rows that were seen.")
        self._key_is_new = not (self.data / ledger.KEY_FILE).exists()
        self.ledger = ledger.open_ledger(self.data)
        self.readers = Readers(engines.reading(url, settings.store.readers), settings.store.readers)
        self.cache = Cache(settings.store.memory_bytes)
        self._shared = url.get_backend_name() == "postgresql"
        node = secrets.token_hex(NODE_BYTES)
        self.commits = Commits(settings.store, self._shared, self._kept, self._follow)
        self.writer = Writer(self._engine, settings.store.batch_rows, self._settle, node)
        self.access = LiveAccess(self.readers, self.writer)
        self.board = Board(settings.board, self.commits, self.readers, self.cache)
        self.mail = Mail(settings.board, self.commits, self.readers, self.cache)
        self.presence = Presence()
        self.rules = Rules(settings.board)
        self.noticeboard = Noticeboard(self.readers, self.writer.call)
        self.counts = Counts()
        with contextlib.suppress(FileExistsError):  # a file of that name holds no plugins, and nobody up
            (self.data / FOLDER).mkdir(mode=0o700, exist_ok=True)
        incidents = Incidents(self.writer.call)
        discover = functools.partial(find, self.data / FOLDER, settings.plugins)
        migrating = functools.partial(migrate_plugin, AloneAccess(self.readers, self.writer))
        plugins = PluginSet(settings.plugins, discover(), incidents.put, discover, migrating)
        if settings.plugins.strict:
            plugins.refuse_faults()
        self.dispatch = Dispatch(plugins, settings.board.slash, Permits(self.rules, self._first_visit))
        parts = Parts(
            self.presence,
            self.readers,
            self.ledger,
            self.writer.call,
            lambda: self.settings.board.operator_name,
            Storages(self.readers, self.writer, settings.store.readers),
            self.writer.aside,
        )
        self.life = Life(parts, node if self._shared else ALONE)
        self._watchdog = Watchdog(lambda: self.plugins.plugins)
        self.edges = Edges(
            data=self.data,
            start=start,
            access=self.access,
            ledger=self.ledger,
            calls=Calls(lambda: self.plugins, lambda: self._loop),
            dispatch=self.dispatch,
            presence=self.presence,
            counts=self.counts,
            commits=self.commits,
            writer=self.writer,
            cache=self.cache,
            connections=lambda: len(self.server.connections),
        )
        self.live = LiveSettings(
            start, settings, self.readers, self.board, self.mail, self.rules, self.dispatch, self.life
        )
        effects = Effects(
            self.ledger,
            self.board,
            self.mail,
            self.rules,
            self.noticeboard,
            self.presence,
            self.readers,
            self._configure,
        )
        self.follower = Follower(self.board, self.mail, self.noticeboard, effects.apply, self.readers, self._shared)
        self.heartbeat = Heartbeat(node, self.writer.call, self._status, alone=not self._shared)
        self._indexer = Indexer(self.writer.call, lambda: self.board.last_id)
        self._bell = Bell(url, settings.store.bell_interval_s, self._ring) if self._shared else None
        self._control = ControlServer(self.data / SOCKET_FILE, self.edges.perform)
        self.console: ConsoleServer | None = None
        self.setup_key: str | None = None

    async def start(self) -> None:
        """Load what is needed, then listen."""
        await self.open()
        await self.heartbeat.start()
        self._indexer.start()
        self.server.start()
        self.life.change(self.plugins)
        await self._control.start()
        if self.settings.admin.enabled:
            if not await self.readers.read(staff.has_staff):
                self.setup_key = secrets.token_urlsafe(SETUP_KEY_BYTES)
            self.console = self.edges.console(self.settings.admin, self.setup_key)
            self.console.start()
        self._watchdog.start()

    async def open(self) -> None:
        """Load what is needed, so that sessions can be served."""
        self._loop = asyncio.get_running_loop()
        await self.follower.open()
        acts_so_far = await self.readers.read(ledger.last_act_id) if self._key_is_new else 0
        if acts_so_far:
            log.warning("ledger_key_missing", why="A new one was made; put the old one back to check the older acts.")
        self.writer.start()
        self.commits.start(self.writer)
        if self._bell is not None:
            self._bell.start()
        self.rules.replace((), await self.readers.read(sanctions.rulings))
        services = Services(
            loop=self._loop,
            live=self.live,
            board=self.board,
            mail=self.mail,
            commits=self.commits,
            presence=self.presence,
            rules=self.rules,
            noticeboard=self.noticeboard,
            dispatch=self.dispatch,
            counts=self.counts,
            readers=self.readers,
            indexer=self._indexer,
            write=self.writer.call,
        )
        self.server = Server(services, self.settings)

    async def stop(self) -> None:
        """See everyone out, commit what is waiting, and close the database; where one part fails, the others go on."""
        await asyncio.gather(*map(_tried, (self._stop_console, self._control.close, self.server.stop, self.life.end)))
        for step in (self._watchdog.stop, self.heartbeat.stop, self._indexer.stop):
            await _tried(step)
        await self.close()

    async def close(self) -> None:
        """Commit what is waiting, and close the database."""
        steps = (self._stop_bell, self._stop_writer, self.dispatch.close, self.readers.close, self._engine.dispose)
        for step in steps:
            await _tried(step)

    async def _stop_console(self) -> None:
        """A page that waits for its commit needs the loop, so waiting for it is another thread's work."""
        if self.console is not None:
            await self._off_loop(self.console.stop)

    def _stop_bell(self) -> None:
        if self._bell is not None:
            self._bell.stop()

    async def _stop_writer(self) -> None:
        await self._off_loop(lambda: self.writer.stop(WRITER_STOP_S))
        if self.commits.waiting_rows:
            log.error("rows_undecided", rows=self.commits.waiting_rows, why="The database did not answer in time.")

    async def _off_loop(self, stop: Callable[[], None]) -> None:
        """Wait for a thread of its own: plugins may have taken all that the loop shares."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="stop")
        try:
            await self._loop.run_in_executor(pool, stop)
        finally:
            pool.shutdown(wait=False)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.live.now

    @property
    def plugins(self) -> PluginSet:
        """The plugins at work."""
        return self.dispatch.plugins

    async def _first_visit(self, name: str) -> int | None:
        return await self.readers.read(lambda connection: accounts.first_visit_ms(connection, name))

    async def _configure(self, acts: Acts) -> None:
        await self.live.follow(acts)
        self.heartbeat.soon()

    def _status(self) -> dict[str, object]:
        return {"plugins": status_of(self.plugins), "writer": self.edges.health()["writer"]}

    def _settle(self, batch: Batch) -> None:
        self._in_loop(self.commits.settle, batch)
        if batch.rows or batch.work:
            self._in_loop(self.life.ring)

    def _kept(self, batch: Batch) -> None:
        self.counts.posts_total += len(batch.posts)
        self.counts.messages_total += len(batch.messages)
        self.counts.refused_rows_total += len(batch.refused)
        # On a shared database the follower shows them, in their place among the other nodes' rows.
        if not self._shared:
            self.board.kept(batch.posts)
            self.mail.kept(batch.messages)

    def _ring(self) -> None:
        self._in_loop(self.follower.ring)
        self._in_loop(self.life.ring)

    def _in_loop(self, function: Callable[..., None], *arguments: object) -> None:
        """Hear of a thread that may outlive the loop: what it has to tell after a stop is for nobody."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    async def _follow(self) -> None:
        await self.follower.follow()


async def _tried(stop: Callable[[], Awaitable[None] | None]) -> None:
    """Stop a part; its failure is nobody else's."""
    try:
        waiting = stop()
        if waiting is not None:
            await waiting
    except Exception:
        log.exception("stop_failed", part=stop.__qualname__)
