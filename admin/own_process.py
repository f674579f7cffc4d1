"""The console as a process of its own, on a database that it shares with the servers of the board."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import structlog

from admin.context import ConsoleContext
from bbs_core import keys, ledger, presence
from bbs_core.config import load
from bbs_core.errors import ConfigError, StoreError
from bbs_core.ledger import Ledger
from bbs_core.metrics import render_process
from bbs_core.platform.calls import Calls, loop_in_thread
from bbs_core.platform.following import Following, settle
from bbs_core.settings import Settings
from bbs_core.staff import has_staff
from bbs_core.store.access import Access, DirectAccess
from bbs_core.store.engine import database_url, reading_engine, writing_engine
from bbs_core.store.readers import Readers
from bbs_core.store.schema import refuse_other_schema
from bbs_core.store.writer import Writer

log = structlog.get_logger(__name__)

CONSOLE_KEY_FILE = "console.key"
SETUP_KEY_BYTES = 24


def context(settings: Settings | None = None) -> ConsoleContext:
    """Return what a console of its own works with; without settings those of the file and the environment.

    Raises ConfigError on SQLite, StoreError where the database is not that of a board of this version, or the
    ledger's key is not there.
    """
    found = settings or load().settings
    data = Path(found.server.data)
    url = database_url(found.server.database, data)
    if url.get_backend_name() != "postgresql":
        raise ConfigError("On SQLite the board itself shows the console: bbs admin needs PostgreSQL (server.database).")
    engine = writing_engine(url, connections=found.admin.threads)
    refuse_other_schema(engine)
    access = DirectAccess(engine)
    chain = Ledger(_ledger_key(data, access))
    return ConsoleContext(
        access=access,
        ledger=chain,
        start=found,
        calls=_calls(found, chain),
        health=lambda: _health(access),
        metrics=render_process,
        secret_key=keys.open_key(data / CONSOLE_KEY_FILE),
        setup_key=_setup_key(access),
    )


def _calls(settings: Settings, chain: Ledger) -> Calls:
    """Return the plugins of this process, which follow those of the board and have connections of their own."""
    url, count = database_url(settings.server.database, Path(settings.server.data)), settings.store.readers
    readers = Readers(reading_engine(url, count), count)
    writer = Writer(writing_engine(url), settings.store.batch_rows, settle)
    writer.start()
    loop = loop_in_thread("plugins")
    return Calls(Following(settings, readers, writer, chain, loop), lambda: loop)


def tell(context: ConsoleContext) -> None:
    """Log how to become the first owner, where a WSGI server has no terminal to say it on."""
    if context.setup_key is not None:
        log.warning("no_owner_yet", open=f"/setup?key={context.setup_key}", good_for="an hour")


def _ledger_key(data: Path, access: Access) -> bytes:
    """A key that was made anew would part the ledger in two: it is the board's, and has to be brought here."""
    file = data / ledger.KEY_FILE
    if not file.exists() and access.read(ledger.last_act_id):
        raise StoreError(f"The key of the ledger is not in {data}: copy {ledger.KEY_FILE} from a server of the board.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ledger.open_key(data)


def _setup_key(access: Access) -> str | None:
    return None if access.read(has_staff) else secrets.token_urlsafe(SETUP_KEY_BYTES)


def _health(access: Access) -> dict[str, object]:
    """The board is well where a server of it is there, and all of them can write."""
    try:
        nodes = access.read(presence.list_nodes)
    except StoreError as error:
        return {"status": "failing", "writer": str(error)}
    failing = [status for node in nodes if (status := json.loads(node["status"])["writer"]) != "ok"]
    if not nodes:
        failing = ["No server of the board is running."]
    return {"status": "failing" if failing else "ok", "writer": failing[0] if failing else "ok"}
