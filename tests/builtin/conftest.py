"""A live board with the optional plugins, one for all tests of a file on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builtin.kit import DATABASES, optional_board
from tests.wire.live import LiveBoard


@pytest.fixture(scope="module", params=DATABASES)
def board(request: pytest.FixtureRequest) -> Iterator[LiveBoard]:
    """A board that listens; its tests share its posts."""
    with optional_board(request) as running:
        yield running
