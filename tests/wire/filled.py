"""A board with a history, written before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bbs_core.store.appends import Appends
from bbs_core.store.bulk import bulk_for
from bbs_core.store.engine import database_url, writing_engine
from bbs_core.store.items import Item, NewMessage, NewPost
from bbs_core.store.schema import migrate

IP = "127.0.0.1"


class Nobody:
    """The author of posts that are always kept."""

    def refused(self, kind: str, text: str, error: Exception) -> None:
        """Never called: a failure of the database is raised."""


def fill(data: Path, texts: Iterable[str]) -> list[str]:
    """Write posts into the SQLite database of a data folder; returns the rows that `list` will show."""
    posts = [NewPost(Nobody(), "past", IP, text, at_ms=0) for text in texts]
    _append(data, posts)
    return [f"{IP} {post.text}" for post in posts]


def fill_mailboxes(data: Path, mail: Iterable[tuple[str, str]]) -> None:
    """Write messages, each with the name it is for."""
    _append(data, [NewMessage(Nobody(), "past", IP, name, text, at_ms=0) for name, text in mail])


def _append(data: Path, items: Sequence[Item]) -> None:
    data.mkdir(parents=True, exist_ok=True)
    engine = writing_engine(database_url("", data))
    migrate(engine, data)
    with engine.begin() as connection:
        Appends(bulk_for(engine)).run(connection, items)
    engine.dispose()
