"""Reading and writing for callers off the loop: the console, the control socket and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import sqlalchemy as sa

from bbs_core.errors import StoreUnavailable
from bbs_core.store.bulk import bulk_for
from bbs_core.store.engine import database_url, unavailable_as_error, writing_engine
from bbs_core.store.models import Model, PluginSchema, PluginValue
from bbs_core.store.readers import Readers
from bbs_core.store.writer import Writer

T = TypeVar("T")
# By this name those may speak of it who are not to use the database themselves.
Connection = sa.Connection
# Longer than any commit of a working database; a caller is told rather than kept.
WRITE_TIMEOUT_S = 30.0
# The tables that all plugins share.
SHARED = (PluginSchema, PluginValue)


class Access(Protocol):
    """The database, as a caller sees it that is not on the loop."""

    def read(self, function: Callable[[sa.Connection], T]) -> T:
        """Run a short read. Raises StoreUnavailable."""

    def write(self, function: Callable[[sa.Connection], T]) -> T:
        """Run a function in one transaction; when this returns, its effect shows everywhere in this process.

        Raises StoreUnavailable, and whatever the function raises, which then has changed nothing.
        """


class LiveAccess:
    """Through the running server's readers and its one writer."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer

    def read(self, function: Callable[[sa.Connection], T]) -> T:
        """Read in the calling thread."""
        return self._readers.read_now(function)

    def write(self, function: Callable[[sa.Connection], T]) -> T:
        """Hand the function to the writer and wait for its commit and effect."""
        return _outcome(self._writer.call(function))


class DirectAccess:
    """For a command-line verb while no server runs: the caller holds the data folder's lock."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._bulk = bulk_for(engine)

    def read(self, function: Callable[[sa.Connection], T]) -> T:
        """Read on the writing connection."""
        with unavailable_as_error(), self._engine.connect() as connection:
            return function(connection)

    def write(self, function: Callable[[sa.Connection], T]) -> T:
        """Run the function and commit."""
        with unavailable_as_error(), self._engine.begin() as connection:
            self._bulk.lock(connection)
            return function(connection)


class AloneAccess(LiveAccess):
    """For work that changes nothing of what the board shows, in transactions of its own; also before the start."""

    def write(self, function: Callable[[sa.Connection], T]) -> T:
        """Hand the function to the writer and wait for its commit."""
        return _outcome(self._writer.alone(function))


@contextmanager
def scratch(folder: Path) -> Iterator[Access]:
    """Yield an empty database in a folder, with nothing but the tables that all plugins share."""
    engine = writing_engine(database_url("", folder))
    try:
        Model.metadata.create_all(engine, [Model.metadata.tables[one.__tablename__] for one in SHARED])
        yield DirectAccess(engine)
    finally:
        engine.dispose()


def _outcome(work: Future[T]) -> T:
    try:
        return work.result(WRITE_TIMEOUT_S)
    except TimeoutError:
        raise StoreUnavailable("The board could not write in time.") from None
