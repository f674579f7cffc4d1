"""Answer every `list` and `listdm` with the bytes of a file: the bare limit of one process on this machine.

`python -m tests.benchmarks.bare FILE` prints its port. It reads no frame and keeps nothing.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

from bbs_core.protocol import BANNER, encode
from bbs_core.sockets import acknowledge_now


class Bare(asyncio.Protocol):
    """Count the words and send so many answers."""

    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one by its methods alone.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(encode(BANNER))

    def data_received(self, data: bytes) -> None:
        # As our server does: the stock client waits for this before it sends the second half of its frame.
        acknowledge_now(self._transport.get_extra_info("socket"))
        for _ in range(data.count(b"list")):
            self._transport.write(self.answer)


async def main() -> None:
    Bare.answer = await asyncio.to_thread(Path(sys.argv[1]).read_bytes)
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
