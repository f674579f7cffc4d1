"""Small chunks, so that a few rows fill many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bbs_core import board, mail, shelf
from tests.domain.kit import CHUNK_ROWS


@pytest.fixture
def small_chunks() -> Iterator[None]:
    """Have the board and mailboxes hold CHUNK_ROWS rows in a chunk."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (shelf, board, mail):
            patch.setattr(module, "CHUNK_ROWS", CHUNK_ROWS)
        yield
