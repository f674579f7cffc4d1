"""What must hold of all that a user may say: the answers are the original's, whatever the words and their order.

A session of a real board, with its store and its plugins, is spoken to without a socket. What is said stands a frame on
a line, the name first, so that a person can read what was recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bbs_core.app import App
from bbs_core.rows import NOTICE_MARK, frames, visible
from bbs_core.session import Session
from bbs_core.settings import Settings
from tests.fuzz.wire import text_of
from tests.stock.model import Model

HERE = "127.0.0.1"
PACK_BYTES = 1400
TIMEOUT_S = 10
# A list shows all that was ever posted, so a board is used for so many conversations only.
CONVERSATIONS = 200


class Paper:
    """A line that keeps what is sent to it."""

    def __init__(self) -> None:
        self.sent = bytearray()

    async def send(self, pack: bytes | bytearray) -> None:
        self.sent += pack

    def pack_bytes(self) -> int:
        return PACK_BYTES

    def wake(self) -> None:
        """Never needed: nobody ends these sessions but they themselves."""

    def read(self) -> list[str] | None:
        """Return the frames that have come since the last time, None where there are none."""
        data, self.sent = bytes(self.sent), bytearray()
        rows = []
        while data:
            end = 4 + int(data[:4])
            rows.append(text_of(data[:end]))
            data = data[end:]
        return rows or None


class Fuzzed:
    """A board and its model, made anew now and then."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._open = contextlib.ExitStack()
        self._conversations = 0

    def check(self, data: bytes) -> None:
        """Let one user say all this, to the board and to the model of the original."""
        name, *said = data.decode(errors="replace").split("\n")
        if self._conversations % CONVERSATIONS == 0:
            self._renew()
        self._conversations += 1
        self._loop.run_until_complete(asyncio.wait_for(self._converse(name, said), TIMEOUT_S))
        assert not any(self._app.plugins.failure_counts().values())

    def close(self) -> None:
        self._open.close()

    async def _converse(self, name: str, said: list[str]) -> None:
        line = Paper()
        session, model = Session(line, HERE, self._app.server.services), self._model.connect(name, HERE)
        await heard(session, name)
        for text in said:
            if session.over:
                break
            await heard(session, text)
            asked = text if model.dm is not None else self._without_commands(text)
            assert_is_the_original_answer(line.read(), None if asked is None else model.send(asked))
        assert session.over == model.ended
        await session.left()

    def _without_commands(self, text: str) -> str | None:
        """Return what a frame would be to the original, None for a plugin's command (docs/protocol.md, Commands)."""
        words = {info.word for info in self._app.plugins.commands.values() if info.word.startswith("/")}
        first = text[: len(text.split(maxsplit=1)[0])] if text.strip() else ""
        if first in words:
            return None
        return text[1:] if first[1:] in words and first.startswith("//") else text

    def _renew(self) -> None:
        self._open.close()
        folder = self._open.enter_context(tempfile.TemporaryDirectory())
        self._app = self._open.enter_context(running(self._loop, Path(folder)))
        self._model = Model(show=shown)


async def heard(session: Session, text: str) -> None:
    waiting = session.take(text)
    if waiting is not None:
        await waiting


@contextlib.contextmanager
def running(loop: asyncio.AbstractEventLoop, data: Path) -> Iterator[App]:
    settings = Settings.model_validate(
        {
            "server": {"host": HERE, "port": 0, "data": str(data)},
            "limits": {"posts_per_second": 0},
            "admin": {"enabled": False},
        }
    )
    app = App(settings)
    loop.run_until_complete(app.start())
    try:
        yield app
    finally:
        loop.run_until_complete(app.stop())


def assert_is_the_original_answer(answer: list[str] | None, expected: list[str] | None) -> None:
    """What plugins have to say comes after the rows of a list."""
    if answer is None or expected is None:
        assert answer == expected
        return
    count, *rows = answer
    assert int(count) == len(rows)
    assert rows[: len(expected) - 1] == expected[1:]
    assert all(row.startswith(NOTICE_MARK) for row in rows[len(expected) - 1 :])


def shown(row: str) -> list[str]:
    return [text_of(frame) for frame in frames(visible(row))]
