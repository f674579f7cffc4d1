"""The stock double, as a script, on a connection with the segments of an Ethernet."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.stock import double

SEGMENT_BYTES = 1460


class ShortSegments(double.PausingSocket):
    """A socket that tells its peer to send no longer segments."""

    def connect(self, address: Any, /) -> None:
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        super().connect(address)


if __name__ == "__main__":
    double.PausingSocket = ShortSegments  # type: ignore[misc]
    double.run(double.options())
