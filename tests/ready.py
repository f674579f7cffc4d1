"""Databases with the schema of today, copied: to bring an empty one up to date takes as long as many tests."""

from __future__ import annotations

import atexit
import functools
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from bbs_core.store.engine import SQLITE_FILE, database_url, writing_engine
from bbs_core.store.schema import migrate


def bring_up_to_date(data: Path, database: str = "") -> None:
    """Give a database the schema of today."""
    engine = writing_engine(database_url(database, data))
    migrate(engine, data)
    engine.dispose()


@functools.cache
def _template() -> Path:
    folder = TemporaryDirectory(prefix="bbs-template-")
    atexit.register(folder.cleanup)
    bring_up_to_date(Path(folder.name))
    return Path(folder.name, SQLITE_FILE)


def make_ready(data: Path) -> None:
    """Put an SQLite file into a data folder that has none."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = data / SQLITE_FILE
    if not file.exists():
        shutil.copy(_template(), file)
