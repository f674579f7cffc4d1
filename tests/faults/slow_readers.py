"""Clients that ask for a list and read about a kilobyte a second: `python -m tests.faults.slow_readers PORT COUNT`.

A process of its own, so that it takes no turn from whoever measures. Each time that all have read a kilobyte it prints
how many bytes the slowest of them has read; it ends with its input.
"""

from __future__ import annotations

import select
import socket
import sys
import time

from tests.stock.double import StockClient

READ_BYTES = 1024
PERIOD_S = 1.0
# It ends by itself, whatever happens to who started it.
LONGEST_S = 60


def ask(port: int, number: int) -> socket.socket:
    client = StockClient("127.0.0.1", port, f"slow {number}", timeout_s=30)
    client.post("list")
    return client.sock


def main(port: int, count: int) -> None:
    readers = [ask(port, number) for number in range(count)]
    read = [0] * count
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end and not select.select([sys.stdin], [], [], PERIOD_S)[0]:
        for number, reader in enumerate(readers):
            read[number] += len(reader.recv(READ_BYTES))
        sys.stdout.write(f"{min(read)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
