"""What the rude cost the others: how long another user's `list` takes, in quiet and under each kind of attack.

`python -m tests.benchmarks.attack_latency [--rate 200] [--seconds 3] [--turns 5]` prints a table and a line of JSON.
The server, the user who measures and the attacker are processes of their own. The user asks for 20 rows 200 times a
second; an attack opens `--rate` connections a second. Quiet and attack take turns, and the median of the turns'
percentiles counts. On two cores the attacker takes time from the server too, though it is nice (19).
"""

# ruff: noqa: T201  (a benchmark prints)

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

from tests.benchmarks.busy import ticks
from tests.faults.attackers import NAME, RANDOM_BYTES, RESET, connected, say
from tests.stock.double import StockClient
from tests.support import ROOT, BoardProcess

HOST = "127.0.0.1"
ROWS = 20
LISTS_PER_SECOND = 200
SILENT = 4000
# Connections that an attacker keeps open; when there are more, the oldest go.
HELD = 500
CHANCE = random.Random(1)
WORDS: dict[str, Callable[[], bytes]] = {
    "random bytes": lambda: CHANCE.randbytes(RANDOM_BYTES),
    "a name, then random bytes": lambda: NAME + CHANCE.randbytes(RANDOM_BYTES),
    "half a frame": lambda: NAME + b"9999" + b"x" * 500,
    "an HTTP request": lambda: b"GET / HTTP/1.1\r\nHost: board\r\n\r\n",
    "a TLS hello": lambda: bytes.fromhex("160301020001000100fc0303") + CHANCE.randbytes(250),
    "the header +012": lambda: NAME + b"+012hello",
    "the header 1_00": lambda: NAME + b"1_00hello",
    "Arabic digits": lambda: NAME + "٠٠١٢hello".encode(),
}
DRIP, HUSH = "one byte a second", f"{SILENT:,} silent connections"
KINDS = [*WORDS, DRIP, HUSH]


def probe(port: int, seconds: float) -> None:
    """Print how long each list took, in milliseconds, from asking to the last byte."""
    taken = []
    with StockClient(HOST, port, "user") as user:
        for _ in ticks(LISTS_PER_SECOND, seconds):
            start = time.perf_counter()
            assert len(user.list()) >= ROWS
            taken.append(1000 * (time.perf_counter() - start))
    print(json.dumps(taken))


def attack(port: int, kind: str, rate: float, seconds: float) -> None:
    os.nice(19)
    held: deque[socket.socket] = deque()
    if kind == HUSH:
        held += (connected(port) for _ in range(SILENT))
    print("begun", flush=True)
    start = time.perf_counter()
    for _ in ticks(rate, seconds):
        if kind == HUSH:
            continue
        if len(held) == HELD:
            rest(held.popleft(), drop=kind in WORDS)
        held.append(connected(port))
        if kind == DRIP:
            drip(held, rate)
        else:
            say(held[-1], WORDS[kind]())
    print(0 if kind == HUSH else round(rate * seconds) / (time.perf_counter() - start))
    for sock in held:
        sock.close()


def drip(held: deque[socket.socket], rate: float) -> None:
    """Each of those that are held says a byte about once a second: so many a tick, in turn."""
    for _ in range(max(1, round(len(held) / rate))):
        say(held[0], b"0")
        held.rotate(-1)


def rest(sock: socket.socket, *, drop: bool) -> None:
    """End a connection: some are reset, as a scanner would."""
    if drop and CHANCE.random() < 0.3:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def started(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.attack_latency", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def measured(port: int, seconds: float) -> list[float]:
    with started("--probe", port, "--seconds", seconds) as process:
        assert process.stdout is not None
        return list(json.loads(process.stdout.read()))


def measured_under(port: int, kind: str, rate: float, seconds: float) -> tuple[list[float], float]:
    """Return how long each list took, and how many connections a second the attacker really made."""
    # The attack outlasts the measuring, whose process takes a moment to start.
    with started("--attack", kind, port, "--rate", rate, "--seconds", seconds + 1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        taken = measured(port, seconds)
        return taken, float(process.stdout.readline())


def percentiles(taken: list[float]) -> tuple[float, float]:
    cuts = quantiles(taken, n=100)
    return cuts[49], cuts[98]


@dataclass(frozen=True)
class Comparison:
    """A user's list without and with an attack, in milliseconds."""

    kind: str
    connections_per_second: float
    quiet_p50_ms: float
    quiet_p99_ms: float
    p50_ms: float
    p99_ms: float

    @property
    def ratio(self) -> float:
        return self.p99_ms / self.quiet_p99_ms

    def __str__(self) -> str:
        figures = f"{self.quiet_p50_ms:10.2f}{self.quiet_p99_ms:8.2f}{self.p50_ms:14.2f}{self.p99_ms:8.2f}"
        return f"{self.kind:28}{self.connections_per_second:9.0f}{figures}{self.ratio:11.1f}"


def medians(turns: list[tuple[float, float]]) -> tuple[float, float]:
    p50s, p99s = zip(*turns, strict=True)
    return median(p50s), median(p99s)


def compare(rate: float, seconds: float, turns: int, kinds: Sequence[str] = KINDS) -> Iterator[Comparison]:
    settings = {"limits_connections_per_address": 2 * SILENT, "admin_enabled": False}
    with tempfile.TemporaryDirectory() as folder, BoardProcess(Path(folder) / "data", "", **settings) as board:
        with board.client("host") as host:
            for number in range(ROWS):
                host.post(f"row {number}")
            host.list()
        measured(board.port, 1)
        for kind in kinds:
            quiet, loud, rates = [], [], []
            for _ in range(turns):
                quiet.append(percentiles(measured(board.port, seconds)))
                taken, made = measured_under(board.port, kind, rate, seconds)
                loud.append(percentiles(taken))
                rates.append(made)
            yield Comparison(kind, median(rates), *medians(quiet), *medians(loud))


def report(rate: float, seconds: float, turns: int) -> None:
    print(f"{rate:g} connections a second asked for; {turns} turns of {seconds:g} s; {os.cpu_count()} cores; ms")
    print(f"{'':28}{'a second':>9}{'quiet p50':>10}{'p99':>8}{'attacked p50':>14}{'p99':>8}{'p99 ratio':>11}")
    rows = []
    for row in compare(rate, seconds, turns):
        print(row, flush=True)
        rows.append({**asdict(row), "ratio": row.ratio})
    print(json.dumps({"rate": rate, "seconds": seconds, "turns": turns, "rows": rows}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--probe", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--attack", nargs=2, metavar=("KIND", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.probe:
        probe(given.probe, given.seconds)
    elif given.attack:
        attack(int(given.attack[1]), given.attack[0], given.rate, given.seconds)
    else:
        report(given.rate, given.seconds, given.turns)


if __name__ == "__main__":
    main()
