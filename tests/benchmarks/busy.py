"""What is asked of a board and its console many times a second, by processes that are measured or keep it busy.

They start often, so this imports next to nothing.
"""

# ruff: noqa: T201  (what the processes measured, they print)

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import NamedTuple

from tests.stock.double import StockClient

HOST = "127.0.0.1"
TIMEOUT_S = 20
BUSY_PAGES = ("/", "/users", "/posts", "/review", "/sessions", "/bans", "/audit")
ROWS = 1000
LISTS_PER_SECOND = 50
PAGES_PER_SECOND = 20


class Console(NamedTuple):
    """Where a console answers, and the cookie of whoever is signed in there."""

    port: int
    cookie: str

    def load(self, connection: HTTPConnection, path: str) -> float:
        """Load a page; returns the seconds that it took."""
        start = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": self.cookie})
        response = connection.getresponse()
        response.read()
        assert response.status == 200, path
        return time.perf_counter() - start


def connected(port: int) -> HTTPConnection:
    """Return a connection that stays open from page to page, as a browser's does."""
    return HTTPConnection(HOST, port, timeout=TIMEOUT_S)


def ticks(per_second: float, seconds: float) -> Iterator[None]:
    """Yield so many times a second; where one falls behind, the missed ones come at once, as from a crowd."""
    start = time.perf_counter()
    for number in range(round(per_second * seconds)):
        time.sleep(max(0.0, start + number / per_second - time.perf_counter()))
        yield


def probe(port: int, seconds: float) -> None:
    """Print how long each list of a stock client took, in milliseconds."""
    taken = []
    with StockClient(HOST, port, "user") as user:
        for _ in ticks(LISTS_PER_SECOND, seconds):
            start = time.perf_counter()
            assert len(user.list()) == ROWS
            taken.append(1000 * (time.perf_counter() - start))
    print(json.dumps(taken))


def pages(shown: Console, seconds: float) -> None:
    """Load pages in turn; print first that it begins, and at last how many a second there really were."""
    connection = connected(shown.port)
    count, start = 0, time.perf_counter()
    print("begun", flush=True)
    for _ in ticks(PAGES_PER_SECOND, seconds):
        shown.load(connection, BUSY_PAGES[count % len(BUSY_PAGES)])
        count += 1
    print(count / (time.perf_counter() - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probe", type=int, metavar="PORT")
    parser.add_argument("--pages", nargs=2, metavar=("PORT", "COOKIE"))
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    if given.probe:
        probe(given.probe, given.seconds)
    else:
        pages(Console(int(given.pages[0]), given.pages[1]), given.seconds)


if __name__ == "__main__":
    main()
