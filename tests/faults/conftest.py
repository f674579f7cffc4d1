"""Where faults are tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import fresh_postgres_database


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """A database to be restored into, brought there by an old version, or made by the board itself."""
    return empty_database_url


@pytest.fixture(params=["sqlite", "postgresql"])
def other_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where to restore: also the other kind of database than the backup was made of."""
    if request.param == "sqlite":
        yield ""
        return
    with fresh_postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url
