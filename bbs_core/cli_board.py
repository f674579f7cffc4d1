"""What the verbs share that concern a board, whether or not a server runs: reading it, and acting on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from bbs_core.cli_options import data_folder
from bbs_core.config import Loaded
from bbs_core.errors import BoardInUse

T = TypeVar("T")

# A server that has just started holds the lock a moment before it listens, and another verb holds it only briefly.
BUSY_TIMEOUT_S = 5.0
BUSY_PAUSE_S = 0.1


def day(at_ms: int) -> str:
    """Return a kept time as a day."""
    return time.strftime("%Y-%m-%d", time.gmtime(at_ms / 1000))


def perform_on_a_board(loaded: Loaded, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do an act where there is a board; it would be made otherwise. Raises StoreError where there is none."""
    look(loaded, lambda _connection: None)
    return perform(loaded, name, arguments)


def look(loaded: Loaded, look: Callable[[Any], T]) -> T:
    """Read the board, whether or not a server runs. Raises StoreError where there is none."""
    from bbs_core.store.engine import database_url, reading_engine, refuse_absent
    from bbs_core.store.readers import Readers
    from bbs_core.store.schema import schema_of_board

    url = database_url(loaded.settings.server.database, data_folder(loaded))
    refuse_absent(url)
    readers = Readers(reading_engine(url, 1), 1)
    try:
        readers.read_now(schema_of_board)
        return readers.read_now(look)
    finally:
        readers.close()


def perform(loaded: Loaded, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do an act here, or hand it to whoever holds the data folder."""
    from bbs_core import control

    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            return _perform_here(loaded, name, arguments)
        except BoardInUse:
            pass
        try:
            return control.send(data_folder(loaded), name, arguments)
        except BoardInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(BUSY_PAUSE_S)


def _perform_here(loaded: Loaded, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from bbs_core import acts, ledger
    from bbs_core.store.access import DirectAccess
    from bbs_core.store.engine import data_lock, database_url, writing_engine
    from bbs_core.store.schema import migrate

    data = data_folder(loaded)
    with data_lock(data, loaded.settings.server.database):
        engine = writing_engine(database_url(loaded.settings.server.database, data))
        try:
            migrate(engine, data)
            chain = ledger.open_ledger(data)
            access = DirectAccess(engine)
            outcome = acts.perform(acts.Desk(access, chain, loaded.settings), acts.operator(), name, arguments)
            access.read(chain.remember_last)
            return outcome
        finally:
            engine.dispose()
