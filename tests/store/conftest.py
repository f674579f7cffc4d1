"""A database of its own for each test of the store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core.store import engine
from tests.store.kit import Store


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> sa.URL:
    """A database on which nobody has been, once of each kind."""
    return engine.database_url(database_url, tmp_path)


@pytest.fixture
def waiting(url: sa.URL, tmp_path: Path) -> Iterator[Store]:
    """A writer that has not started: what is handed in becomes one batch."""
    store = Store(url, tmp_path)
    yield store
    store.close()


@pytest.fixture
def store(waiting: Store) -> Store:
    """A writer at work."""
    waiting.writer.start()
    return waiting


@pytest.fixture
def restless() -> Iterator[None]:
    """Have threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)
