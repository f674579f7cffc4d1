"""What the store's tests share: a writer on a database of its own, and all that it has settled."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from bbs_core.store.engine import SQLITE_FILE, writing_engine
from bbs_core.store.items import Batch, Item, NewMessage, NewPost, Visit, Work
from bbs_core.store.models import Post, User
from bbs_core.store.schema import migrate
from bbs_core.store.writer import Writer
from tests.ready import make_ready

WAIT_S = 20.0
BATCH_ROWS = 1000
HERE = "127.0.0.1"


@dataclass
class Listener:
    """An author who remembers what was refused."""

    heard: list[tuple[str, str, Exception]] = field(default_factory=list)

    def refused(self, kind: str, text: str, error: Exception) -> None:
        self.heard.append((kind, text, error))


def visit(name: str, address: str = HERE, at_ms: int = 1) -> Visit:
    return Visit(name, address, at_ms)


def post(text: str, name: str = "ann", address: str = HERE, at_ms: int = 1, author: Listener | None = None) -> NewPost:
    return NewPost(author or Listener(), name, address, text, at_ms)


def message(
    text: str, to: str = "bob", name: str = "ann", at_ms: int = 1, author: Listener | None = None
) -> NewMessage:
    return NewMessage(author or Listener(), name, HERE, to, text, at_ms)


class Store:
    """A migrated database with its writer, whose thread has not started yet."""

    def __init__(self, url: sa.URL, data: Path, batch_rows: int = BATCH_ROWS) -> None:
        self.url = url
        if url.database == str(data / SQLITE_FILE):
            make_ready(data)
        self.engine = writing_engine(url)
        migrate(self.engine, data)
        # Another connection, as any other program would open it: it sees what is committed and nothing else.
        self.outside = sa.create_engine(url, poolclass=sa.NullPool)
        self.writer = Writer(self.engine, batch_rows, self._settle)
        self.decided = Batch()
        self.watch: Callable[[Batch], None] = lambda batch: None
        self.commits = 0
        event.listen(self.engine, "commit", self._count)
        self._news: queue.SimpleQueue[Batch] = queue.SimpleQueue()

    def _count(self, _connection: sa.Connection) -> None:
        self.commits += 1

    def _settle(self, batch: Batch) -> None:
        self.watch(batch)
        for work in batch.work:
            work.complete()
        self._news.put(batch)

    def hand_in(self, items: Sequence[Item]) -> None:
        for item in items:
            self.writer.put(item)

    def wait(self) -> Batch:
        """Return the next batch that the writer settles."""
        batch = self._news.get(timeout=WAIT_S)
        self.decided.rows += batch.rows
        self.decided.posts += batch.posts
        self.decided.messages += batch.messages
        self.decided.work += batch.work
        self.decided.refused += batch.refused
        return batch

    def commit(self, items: Sequence[Item]) -> Batch:
        """Hand rows in and wait until each is committed or refused; returns all that was decided so far."""
        wanted = self.decided.rows + sum(not isinstance(item, Work) for item in items)
        self.hand_in(items)
        return self.wait_for(wanted)

    def wait_for(self, rows: int) -> Batch:
        """Wait until so many rows in all are committed or refused; returns all that was decided."""
        while self.decided.rows < rows:
            self.wait()
        return self.decided

    def run(self, function: Callable[[sa.Connection], Any]) -> Any:
        """Do work on the writer's connection."""
        return self.writer.call(function).result(WAIT_S)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the writer busy, so that all that is handed in meanwhile waits for it."""
        begun, go_on = threading.Event(), threading.Event()

        def hold(_connection: sa.Connection) -> None:
            begun.set()
            assert go_on.wait(WAIT_S)

        future = self.writer.call(hold)
        try:
            assert begun.wait(WAIT_S)
            yield
        finally:
            go_on.set()
            future.result(WAIT_S)

    def read(self, query: sa.Executable) -> list[tuple[Any, ...]]:
        """Read what is committed, over a connection of its own."""
        with self.outside.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def texts(self) -> list[str]:
        """Return the texts of all posts in the order of their ids, which must be 1, 2, 3 and so on."""
        rows = self.read(sa.select(Post.id, Post.text).order_by(Post.id))
        assert [post_id for post_id, _ in rows] == list(range(1, len(rows) + 1))
        return [text for _, text in rows]

    def users(self) -> dict[str, tuple[Any, ...]]:
        """Return first visit, last visit, visits, posts and messages of each user."""
        query = sa.select(
            User.name, User.first_visit_at_ms, User.last_visit_at_ms, User.visits, User.posts, User.messages
        )
        return {name: tuple(rest) for name, *rest in self.read(query)}

    @property
    def running(self) -> bool:
        """Whether the writer's thread lives."""
        return self.writer._thread.is_alive()

    def close(self) -> None:
        if self.running:
            self.writer.stop(WAIT_S)
        self.engine.dispose()
