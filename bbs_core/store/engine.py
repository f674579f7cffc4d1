"""Engines for SQLite and PostgreSQL, and who may hold their files."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from bbs_core.errors import BoardInUse, StoreError, StoreUnavailable

SQLITE_FILE = "bbs.sqlite3"
# Any number will do, as long as all nodes use the same: it is held for one transaction by whoever writes.
WRITE_LOCK = 10_333
# Where a commit on PostgreSQL rings, so that the other nodes look for what is new.
CHANNEL = "bbs"
# How long a writer waits for another program that has locked the file.
BUSY_TIMEOUT_MS = 10_000
# A disk with less is as good as full: a batch of long posts takes more.
ROOM_BYTES = 1024 * 1024
# What the write-ahead log shrinks back to after a checkpoint.
WAL_LIMIT_BYTES = 16 * 1024 * 1024


def database_url(database: str, data: Path) -> sa.URL:
    """Return the URL of a `server.database` setting; an empty one is the SQLite file in the data folder."""
    if not database:
        return sa.URL.create("sqlite+pysqlite", database=str(data / SQLITE_FILE))
    try:
        url = sa.make_url(database)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreError("The database must be a URL such as postgresql://user@host/name.") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    raise StoreError(f"The database must be SQLite or PostgreSQL, not {url.get_backend_name()}.")


def writing_engine(url: sa.URL, connections: int = 1) -> sa.Engine:
    """Return the engine of the one connection that writes; on PostgreSQL there may be more, that take turns."""
    arguments = _connect_args(url)
    engine = sa.create_engine(url, pool_size=connections, max_overflow=0, pool_pre_ping=True, connect_args=arguments)
    if is_sqlite(engine):
        _make_private(url)
        # Where the system has it (macOS), the disk itself is told to write, and not only its cache.
        through = ("fullfsync=ON", "checkpoint_fullfsync=ON")
        _on_connect(engine, "journal_mode=WAL", "synchronous=FULL", *through, f"journal_size_limit={WAL_LIMIT_BYTES}")
        _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def reading_engine(url: sa.URL, readers: int) -> sa.Engine:
    """Return the engine of a small pool that cannot write; keep what is read there short."""
    engine = sa.create_engine(
        url, pool_size=readers, max_overflow=0, pool_pre_ping=True, connect_args=_connect_args(url)
    )
    if is_sqlite(engine):
        _on_connect(engine, "query_only=ON")
        _begin_with(engine, "BEGIN")
    return engine


def is_sqlite(engine: sa.Engine) -> bool:
    """Whether the engine speaks to SQLite."""
    return engine.dialect.name == "sqlite"


def outlives_power_cuts(engine: sa.Engine) -> bool:
    """Whether the database waits for the disk; a PostgreSQL server can be set not to, and no client can mend that."""
    if is_sqlite(engine):
        return True
    with unavailable_as_error(), engine.connect() as connection:
        return bool(connection.exec_driver_sql("SHOW fsync").scalar() == "on")


def has_room(engine: sa.Engine) -> bool:
    """Whether a SQLite file's disk is not full; a single page may fit where the next post does not."""
    if not is_sqlite(engine) or not engine.url.database:
        return True
    return shutil.disk_usage(Path(engine.url.database).parent).free >= ROOM_BYTES


def _make_private(url: sa.URL) -> None:
    """Make a new file readable for its owner alone; the files that SQLite puts beside it take its mode."""
    if url.database:
        with files_as_error(url.database):
            os.close(os.open(url.database, os.O_RDWR | os.O_CREAT, 0o600))


def _connect_args(url: sa.URL) -> dict[str, object]:
    if url.get_backend_name() == "sqlite":
        return {"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000}
    return {
        "connect_timeout": 5,
        "options": "-c default_transaction_isolation=read\\ committed -c synchronous_commit=on",
    }


def _on_connect(engine: sa.Engine, *pragmas: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transactions would leave DDL outside them; ours begin with the statement below.
        connection.isolation_level = None
        for pragma in ("foreign_keys=ON", *pragmas):
            connection.execute(f"PRAGMA {pragma}")


def _begin_with(engine: sa.Engine, statement: str) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)


@contextmanager
def data_lock(data: Path, database: str = "") -> Iterator[None]:
    """Hold the data folder for this process, and the SQLite file of a `server.database` setting wherever it lies.

    Raises BoardInUse where another process has the folder, StoreError where it has the file from another folder.
    """
    with files_as_error(data):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = database_url(database, data)
    with _held(data / "lock", BoardInUse(f"Another process serves the board in {data}.")):
        if url.get_backend_name() != "sqlite":
            yield
            return
        # The real path, so that a link to the file is no way around the lock.
        file = Path(url.database or "").resolve()
        in_use = StoreError(f"Another process, with another data folder, serves the database {file}: stop it first.")
        with _held(file.with_name(file.name + ".lock"), in_use):
            yield


@contextmanager
def _held(file: Path, in_use: StoreError) -> Iterator[None]:
    with files_as_error(file):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise in_use from None
        yield
    finally:
        os.close(descriptor)


def refuse_absent(url: sa.URL) -> None:
    """Raise StoreError where there is no SQLite file: to open one would make it."""
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        with files_as_error(file):
            if not file.exists():
                raise StoreError(no_board(url))


def no_board(url: sa.URL) -> str:
    """Return the sentence of a verb that found no board."""
    where = Path(url.database or "").parent if url.get_backend_name() == "sqlite" else "this database"
    return (
        f"There is no board in {where}: say where it is with --data or --database, or start a new one with bbs serve."
    )


@contextmanager
def files_as_error(path: Path | str) -> Iterator[None]:
    """Turn what the system says of a file or folder that cannot be used into StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}.") from error


@contextmanager
def unavailable_as_error() -> Iterator[None]:
    """Turn what a driver says of an absent database or a full disk into StoreUnavailable."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise StoreUnavailable("The database does not answer.", _one_line(error)) from error
    except sa.exc.TimeoutError as error:
        raise StoreUnavailable("The database is busy: no connection was free in time.") from error
    except sa.exc.DatabaseError as error:
        raise StoreError("The database cannot be used.", _one_line(error)) from error


def _one_line(error: sa.exc.DBAPIError) -> str:
    return " ".join(str(error.orig).split())
