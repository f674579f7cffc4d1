"""What the domain's tests share: a board in this process, with small chunks and little memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from bbs_core import moderation
from bbs_core.app import App
from bbs_core.errors import StoreUnavailable
from bbs_core.ledger import Actor
from bbs_core.settings import AdminSettings, BoardSettings, ServerSettings, Settings, StoreSettings
from bbs_core.snapshots import ShelfRows
from bbs_core.store.engine import reading_engine
from bbs_core.store.items import NewMessage, NewPost
from bbs_core.store.readers import Readers

T = TypeVar("T")
HERE = "127.0.0.1"
WAIT_S = 20.0
CHUNK_ROWS = 8
READERS = 2
# Far below what a setting may be: a few small chunks, or one with a long row in it.
BUDGET_BYTES = 6000
MODERATOR = Actor("staff", "mo", "console")


class Author:
    """Whose rows are never refused."""

    def refused(self, kind: str, text: str, error: Exception) -> None:
        raise AssertionError(f"the {kind} {text!r} was refused: {error}")


class HeldReaders(Readers):
    """Readers that can keep one answer, once it is read, until a gate opens."""

    def __init__(self, url: sa.URL) -> None:
        super().__init__(reading_engine(url, READERS), READERS)
        self.gate = asyncio.Event()
        self._kept = asyncio.Event()
        self.held = 0
        self.count = 0
        self.broken = False

    async def read(self, function: Callable[[sa.Connection], T]) -> T:
        self.count += 1
        number = self.count
        if self.broken:
            raise StoreUnavailable("away")
        found = await super().read(function)
        if number == self.held:
            self._kept.set()
            await self.gate.wait()
        return found

    async def keeps_one(self) -> None:
        """Wait until the answer is read that is kept."""
        async with asyncio.timeout(WAIT_S):
            await self._kept.wait()


def new_post(text: str, name: str = "ann", address: str = HERE) -> NewPost:
    return NewPost(Author(), name, address, text, 1)


def new_message(text: str, to: str, name: str = "ann") -> NewMessage:
    return NewMessage(Author(), name, HERE, to, text, 1)


def settings(data: Path, database: str, board: BoardSettings | None = None) -> Settings:
    """Return the settings of a board that listens on a free port, and has next to no memory."""
    store = StoreSettings.model_construct(**{**StoreSettings().model_dump(), "memory_bytes": BUDGET_BYTES})
    return Settings(
        server=ServerSettings(host=HERE, port=0, data=str(data), database=database),
        store=store,
        board=board or BoardSettings(),
        admin=AdminSettings(enabled=False),
    )


@asynccontextmanager
async def running(data: Path, database: str, board: BoardSettings | None = None) -> AsyncIterator[App]:
    """Run a board."""
    await asyncio.to_thread(data.mkdir, exist_ok=True)
    app = App(settings(data, database, board))
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def post(app: App, texts: Sequence[str]) -> None:
    """Post, and wait until all is decided."""
    tickets = [app.board.post(new_post(text)) for text in texts]
    async with asyncio.timeout(WAIT_S):
        await app.commits.decided(max(tickets, default=0))


async def send(app: App, to: str, texts: Iterable[str]) -> None:
    """Send messages, and wait until all is decided."""
    tickets = [app.mail.send(new_message(text, to)) for text in texts]
    async with asyncio.timeout(WAIT_S):
        await app.commits.decided(max(tickets, default=0))


async def write(app: App, function: Callable[[sa.Connection], T]) -> T:
    """Do work as the console does, from another thread."""
    return await asyncio.to_thread(app.access.write, function)


async def hide(app: App, post_id: int) -> int:
    return await write(app, lambda c: moderation.hide_post(c, app.ledger, MODERATOR, post_id, "rude"))


async def restore(app: App, post_id: int) -> int:
    return await write(app, lambda c: moderation.restore_post(c, app.ledger, MODERATOR, post_id, "not so rude"))


async def shown(rows: ShelfRows) -> list[str]:
    """Return the rows of a list, of which there are as many as it said."""
    snapshot = await rows.snapshot()
    texts = [text async for text in snapshot.texts()]
    assert len(texts) == len(snapshot)
    return texts
