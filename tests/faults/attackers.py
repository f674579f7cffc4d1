"""Everything rude that a socket can be sent, as a process of its own: `python -m tests.faults.attackers PORT ROUNDS`.

Each round opens all kinds of connections, and ends them in all kinds of ways; it prints a line when it is done.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import sys
from collections.abc import Iterator

HOST = "127.0.0.1"
SILENT = 4000
RUDE = 200
RANDOM_BYTES = 4096
RESET = struct.pack("ii", 1, 0)
NAME = b"0005enemy"

GREETINGS = [
    b"GET / HTTP/1.1\r\nHost: board\r\n\r\n",
    bytes.fromhex("160301020001000100fc0303"),  # the front of a TLS hello
    b"+012hello",
    b"1_00hello",
    "٠٠١٢hello".encode(),
    b"0",
    b"0010half",
    NAME + b"9999" + b"x" * 500,
    NAME + b"0004list" * 50,
    NAME + b"0002dm" + b"0003bob",
    NAME + b"10000" + b"a" * 10_000,
    NAME + b"0003\xff\xfe\xfd",
    NAME + b"0000" * 1000,
]


def connected(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=10)


def say(sock: socket.socket, words: bytes) -> None:
    try:
        sock.sendall(words)
    except OSError:
        return


def rude(port: int, chance: random.Random) -> None:
    """Say something that is no protocol, one byte at a time or at once, and go in one of three ways."""
    words = chance.choice([*GREETINGS, chance.randbytes(RANDOM_BYTES), NAME + chance.randbytes(RANDOM_BYTES)])
    with connected(port) as sock:
        for piece in pieces(words, chance):
            say(sock, piece)
        if chance.random() < 0.3:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif chance.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)


def pieces(words: bytes, chance: random.Random) -> Iterator[bytes]:
    if chance.random() < 0.2:
        yield from (words[index : index + 1] for index in range(min(len(words), 100)))
    else:
        yield words


def main(port: int, rounds: int) -> None:
    # Enemies have machines of their own: they take what the server leaves of this one.
    os.nice(19)
    for number in range(rounds):
        chance = random.Random(number)
        silent = [connected(port) for _ in range(SILENT)]
        for _ in range(RUDE):
            rude(port, chance)
        for sock in silent:
            sock.close()
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
