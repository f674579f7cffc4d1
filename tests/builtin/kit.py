"""What the tests of built-in plugins share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core.platform.discovery import OPTIONAL
from bbs_core.store.models import Post
from tests.stock.double import StockClient
from tests.support import fresh_postgres_database
from tests.wire.live import LiveBoard

DATABASES = ("sqlite", "postgresql")


@contextmanager
def optional_board(
    request: pytest.FixtureRequest, board: Mapping[str, Any] = {}, options: Mapping[str, Any] = {}
) -> Iterator[LiveBoard]:
    """Run a board with all optional plugins on the database that the fixture is asked for."""
    plugins = {"enabled": list(OPTIONAL), "rates": {"/search": "none"}, "options": options}
    data = request.getfixturevalue("tmp_path_factory").mktemp("board")
    with contextlib.ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            url = stack.enter_context(fresh_postgres_database(request.getfixturevalue("postgres_url")))
        yield stack.enter_context(LiveBoard(data, server={"database": url}, plugins=plugins, board=board))


def post_id(board: LiveBoard, text: str) -> int:
    """Return the id of the post with this text."""
    query = sa.select(Post.id).where(Post.text == text)
    return board.app.access.read(lambda connection: connection.execute(query).scalar_one())


@contextmanager
def visit(board: LiveBoard, name: str) -> Iterator[StockClient]:
    """Let a stock user come, who quits at the end and has listed nothing by then."""
    with StockClient("127.0.0.1", board.port, name) as client:
        yield client
        # The end of the stream comes after all that the board does at the end of a session.
        client.quit_and_wait_eof()
