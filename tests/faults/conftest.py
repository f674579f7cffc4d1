"""What tests of backups share as fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import fresh_postgres_database


@pytest.fixture(params=["sqlite", "postgresql"])
def other_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where to restore: also the other kind of database than the backup was made of."""
    if request.param == "sqlite":
        yield ""
        return
    with fresh_postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url
