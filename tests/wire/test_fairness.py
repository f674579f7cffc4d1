"""One line takes its turn and no more, however much it has sent."""

from __future__ import annotations

import fcntl
import socket
import sys
import threading
from collections.abc import Awaitable
from pathlib import Path

import pytest

from bbs_core.protocol import HEADER_DIGITS, LONGEST
from bbs_core.session import Session
from tests.wire.filled import fill
from tests.wire.live import LiveBoard, requests

FRAMES = 4000
PAUSE_S = 0.3
JOIN_S = 60
# A turn is a fifth of a millisecond: some dozens of the quickest frames, and fewer on a busy machine.
TURN_FRAMES = 400
SIOCOUTQNSD = 0x894B
LONGEST_FRAME_BYTES = HEADER_DIGITS + LONGEST


@pytest.mark.parametrize("frame", ["list", "listdm", "a post", "/help"])
def test_a_flood_waits_for_those_who_sent_little(tmp_path: Path, frame: str, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[str] = []
    take = Session.take

    def watched(self: Session, text: str) -> Awaitable[None] | None:
        served.append(self.username)
        return take(self, text)

    live = LiveBoard(tmp_path, limits={"posts_per_second": 0.0})
    with live as board, board.client("ann", rcvbuf=1 << 20) as ann, board.client("bob") as bob:
        reader = threading.Thread(target=lambda: list(iter(lambda: ann.sock.recv(65_536), b"")))
        reader.start()
        monkeypatch.setattr(Session, "take", watched)
        # While the loop is away both lines fill, and the flood is the first to be read.
        board.busy_for(PAUSE_S)
        ann.sock.sendall(requests(*[frame] * FRAMES))
        bob.list()
        assert served.index("bob") <= TURN_FRAMES
        ann.sock.shutdown(socket.SHUT_WR)
        reader.join(JOIN_S)
        assert not reader.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what its sockets hold")
def test_the_kernel_holds_little_for_a_reader_that_stopped(tmp_path: Path) -> None:
    fill(tmp_path, ("x" * 1000 for _ in range(20_000)))
    with LiveBoard(tmp_path) as board, board.client("ann", rcvbuf=4096) as ann:
        ann.post("list")
        line = board.connection("ann")

        def stalled() -> bool:
            return line in board.app.server.writers._due

        while not board.call(stalled):
            pass
        unsent = int.from_bytes(fcntl.ioctl(line._sock, SIOCOUTQNSD, bytes(4)), "little")
        assert unsent <= LONGEST_FRAME_BYTES
