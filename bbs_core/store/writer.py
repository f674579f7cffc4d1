"""The one writer of a process: a thread that commits all that is waiting in one transaction."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import sqlalchemy as sa
import structlog

from bbs_core.errors import BBSError, StoreError, StoreUnavailable
from bbs_core.store.appends import Appends
from bbs_core.store.bulk import bulk_for
from bbs_core.store.engine import BUSY_TIMEOUT_MS, has_room, is_sqlite
from bbs_core.store.items import Alone, Aside, Batch, Item, NewMessage, NewPost, Work

T = TypeVar("T")
log = structlog.get_logger(__name__)

# After this long without work the writer looks whether a fault is gone, so that a quiet board recovers by itself too,
# and folds the write-ahead log into the file, so that a copy of the file is whole.
IDLE_S = 1.0
# A change that changes nothing, and has to be written all the same.
PROBE = "UPDATE alembic_version SET version_num = version_num"


class Writer:
    """Commit what any thread hands in, in order, in groups that grow with the load.

    `settle` is called in the writer's thread with each `Batch`, after its commit: nothing may be shown to a user, and
    no future completed, before that.
    """

    def __init__(self, engine: sa.Engine, batch_rows: int, settle: Callable[[Batch], None], node: str = "") -> None:
        self._engine = engine
        self._bulk = bulk_for(engine)
        self._appends = Appends(self._bulk, node)
        self._batch_rows = batch_rows
        self._settle = settle
        self._queue: deque[Item] = deque()
        self._asleep = False
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._dirty = is_sqlite(engine)
        self._begun = False
        # Since when it writes what it took; none where it waits for more.
        self._busy_since: float | None = None
        self.failing: StoreError | None = None
        self.commits = 0

    @property
    def dialect(self) -> sa.Dialect:
        """How its database is spoken to."""
        return self._engine.dialect

    @property
    def busy_s(self) -> float:
        """How long what is being written has taken so far."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Commit what is waiting and end the thread."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)

    def put(self, item: Item) -> None:
        """Hand in a row to append or work to do; from any thread."""
        self._queue.append(item)
        # Only the first of a burst pays for waking the thread.
        if self._asleep:
            self._asleep = False
            self._wake.set()

    def call(self, function: Callable[[sa.Connection], T]) -> Future[T]:
        """Run `function` in a transaction of the writer; its result or error comes after the commit."""
        work = Work(function)
        self.put(work)
        return work.future

    def aside(self, function: Callable[[sa.Connection], T]) -> Future[T]:
        """Run `function` as `call` does, where nothing that the board shows hangs on it."""
        work = Aside(function)
        self.put(work)
        return work.future

    def alone(self, function: Callable[[sa.Connection], T]) -> Future[T]:
        """Run `function` in a transaction of its own; before the start, when nobody else writes, it is done here."""
        work = Alone(function)
        if self._thread.ident is None:
            self._commit_alone(work)
        else:
            self.put(work)
        return work.future

    def _run(self) -> None:
        while items := self._take():
            if type(items[0]) is Alone:
                self._commit_alone(items[0])
                continue
            lengths = [len(item.text) for item in items if not isinstance(item, Work)]
            batch = Batch(len(lengths), sum(lengths))
            self._commit(items, batch)
            self._settle(batch)

    def _take(self) -> list[Item]:
        """Return all that is waiting, at most a batch of it; nothing at the end."""
        self._busy_since = None
        self._wait()
        self._busy_since = time.monotonic()
        count = min(len(self._queue), self._batch_rows)
        items: list[Item] = []
        while len(items) < count and not (items and type(self._queue[0]) is Alone):
            items.append(self._queue.popleft())
            if type(items[-1]) is Alone:
                break
        return items

    def _wait(self) -> None:
        """Sleep until something is handed in; `put` looks at `_asleep` after it has appended, so none is missed."""
        while not self._queue and not self._stopping:
            self._asleep = True
            if not self._queue and not self._wake.wait(IDLE_S if self._dirty or self.failing else None):
                self._tidy()
            self._wake.clear()
        self._asleep = False

    def _tidy(self) -> None:
        """Look whether a fault is gone, or fold the write-ahead log into the file."""
        with contextlib.suppress(sa.exc.DBAPIError, sqlite3.Error, OSError):
            if self.failing is not None:
                self._probe()
            elif self._dirty:
                self._dirty = False
                with self._engine.connect() as connection:
                    cursor = connection.connection.cursor()
                    # Whoever reads the file, a backup for one, must not keep the writer waiting.
                    cursor.execute("PRAGMA busy_timeout=0")
                    try:
                        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    finally:
                        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")

    def _probe(self) -> None:
        if has_room(self._engine):
            with self._engine.begin() as connection:
                connection.exec_driver_sql(PROBE)
            self.failing = None

    def _commit(self, items: Sequence[Item], batch: Batch) -> None:
        """Commit all or, where that fails, each half alone: only the guilty one is refused."""
        try:
            self._transact(items)
        except BaseException as error:  # noqa: BLE001 - whatever one row does to the driver, the writer lives on
            if len(items) == 1 or not self._begun or _is_gone(error):
                self._refuse(items, batch, error)
                return
            middle = len(items) // 2
            self._commit(items[:middle], batch)
            self._commit(items[middle:], batch)
        else:
            self._keep(items, batch)

    def _transact(self, items: Sequence[Item]) -> None:
        # A database that cannot be locked would cost each row the same wait again: none of them is to blame.
        self._begun = False
        with self._engine.begin() as connection:
            self._bulk.lock(connection, rings=any(type(item) is not Aside for item in items))
            self._begun = True
            self._appends.run(connection, items)
            for item in items:
                if isinstance(item, Work):
                    _do(item, connection)
        self._appends.committed()

    def _commit_alone(self, work: Alone) -> None:
        try:
            with self._engine.begin() as connection:
                self._bulk.lock(connection, rings=False)
                work.result = work.function(connection)
        except BBSError as error:
            work.error = error
        except BaseException as error:  # noqa: BLE001 - as above
            work.error = self._failed(1, error)
        else:
            self._committed()
        work.complete()

    def _keep(self, items: Sequence[Item], batch: Batch) -> None:
        self._committed()
        batch.posts += [item for item in items if type(item) is NewPost]
        batch.messages += [item for item in items if type(item) is NewMessage]
        batch.work += [item for item in items if type(item) is Work]
        for item in items:
            if type(item) is Aside:
                item.complete()

    def _committed(self) -> None:
        self.failing = None
        self.commits += 1
        self._dirty = is_sqlite(self._engine)

    def _refuse(self, items: Sequence[Item], batch: Batch, cause: BaseException) -> None:
        error = self._failed(len(items), cause)
        batch.refused += [(item, error) for item in items]

    def _failed(self, items: int, cause: BaseException) -> StoreUnavailable:
        log.error("not_kept", items=items, error=type(cause).__name__, detail=_detail(cause))
        self.failing = StoreUnavailable("The board cannot write at the moment.")
        self.failing.__cause__ = cause
        return self.failing


def _do(work: Work, connection: sa.Connection) -> None:
    work.error = None
    try:
        with connection.begin_nested():
            work.result = work.function(connection)
    except BBSError as error:
        work.error = error
    except sa.exc.DBAPIError:
        raise
    except Exception as error:
        log.exception("work_failed")
        work.error = error


def _is_gone(error: BaseException) -> bool:
    """Whether no statement is to blame: connecting or committing failed, and would fail for each row again."""
    return isinstance(error, sa.exc.DBAPIError) and (error.connection_invalidated or error.statement is None)


def _detail(error: BaseException) -> str:
    """The first line of the driver's own words: parameters and details are people's texts."""
    return str(error.orig).partition("\n")[0] if isinstance(error, sa.exc.DBAPIError) else type(error).__name__
