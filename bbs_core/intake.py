"""The reading side of a connection: bytes become frames, each within its time, and a doubtful one is held back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bbs_core.deadlines import Deadlines
from bbs_core.errors import ProtocolError
from bbs_core.protocol import Decoder

# A frame that may be the front of a longer one is held until the stream has paused for so long.
SOUND_PAUSE_S = 0.5


class Intake:
    """Turn what a client sends into frames; `deadlines` wait for `owner` while one is incomplete.

    `paused` is called when nothing came for SOUND_PAUSE_S after a frame that is held (docs/protocol.md, Frames).
    """

    __slots__ = ("_deadlines", "_decoder", "_loop", "_owner", "_pause", "_paused")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, deadlines: Deadlines[Any], owner: object, paused: Callable[[], None]
    ) -> None:
        self._decoder = Decoder()
        self._loop = loop
        self._deadlines = deadlines
        self._owner = owner
        self._paused = paused
        self._pause: asyncio.TimerHandle | None = None

    @property
    def error(self) -> ProtocolError | None:
        """What the client did against the protocol; nothing after it is read."""
        return self._decoder.error

    @property
    def held(self) -> str | None:
        """The text of the frame that is held."""
        return self._decoder.held

    def feed(self, data: bytes) -> list[str]:
        """Return the texts of the frames that `data` completes."""
        decoder = self._decoder
        frames = decoder.feed(data)
        if not decoder.mid_frame:
            self._deadlines.stop(self._owner)
        elif frames or not self._deadlines.waits_for(self._owner):
            self._deadlines.start(self._owner)
        if decoder.held is not None:
            self.hold_on()
        return frames

    def hold_on(self) -> None:
        """Wait for another pause of the stream."""
        self.close()
        self._pause = self._loop.call_later(SOUND_PAUSE_S, self._paused)

    def release(self) -> list[str]:
        """Return the held text, if any: the stream ended or paused, so it was sound."""
        return self._decoder.release()

    def close(self) -> None:
        """Wait for no pause any more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
