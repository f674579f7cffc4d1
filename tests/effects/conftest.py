"""A live board on each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.live import LiveBoard


@pytest.fixture
def board(tmp_path: Path, database_url: str) -> Iterator[LiveBoard]:
    """A board that listens."""
    with LiveBoard(tmp_path, server={"database": database_url}) as live:
        yield live
