"""Bring a database up to date with other migrations: `python -m tests.faults.upgrade SCRIPTS DATA DATABASE`.

A process of its own, since one of those migrations kills it half-way.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bbs_core.store import migrations
from bbs_core.store.engine import database_url, writing_engine
from bbs_core.store.schema import migrate


def main(scripts: Path, data: Path, database: str) -> None:
    migrations.__file__ = str(scripts / "__init__.py")
    migrate(writing_engine(database_url(database, data)), data)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
