"""The console as a process of its own, on a database that it shares with the servers of the board."""

from __future__ import annotations

import functools
import json
import secrets
from pathlib import Path

import structlog

from admin.context import ConsoleContext
from bbs_core import keys, ledger, presence
from bbs_core.config import load
from bbs_core.errors import ConfigError, StoreError
from bbs_core.host import FOLDER, PluginSet, found_plugins
from bbs_core.ledger import Ledger
from bbs_core.metrics import render_process
from bbs_core.platform.calls import Calls, loop_in_thread
from bbs_core.settings import PluginSettings, Settings
from bbs_core.staff import has_staff
from bbs_core.store.access import Access, DirectAccess
from bbs_core.store.engine import database_url, refuse_other_schema, writing_engine

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
    plugins = functools.cache(functools.partial(_plugins, data, found.plugins))
    return ConsoleContext(
        access=access,
        ledger=Ledger(_ledger_key(data, access)),
        start=found,
        calls=Calls(plugins, functools.cache(lambda: loop_in_thread("plugins"))),
        health=lambda: _health(access),
        metrics=render_process,
        secret_key=keys.open_key(data / CONSOLE_KEY_FILE),
        setup_key=_setup_key(access),
    )


def _plugins(data: Path, settings: PluginSettings) -> PluginSet:
    """Import the plugins when somebody asks for the settings of one: they are known by their models alone."""
    return PluginSet(settings, found_plugins(data / FOLDER, settings))


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
