"""What many clients do at once: floods of posts, posts with lists behind them, and lists."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bbs_core.protocol import encode_request, encode_rows
from bbs_core.store.appends import POSTS
from bbs_core.store.bulk import bulk_for
from bbs_core.store.engine import database_url, writing_engine
from bbs_core.store.schema import migrate
from tests.benchmarks import servers
from tests.benchmarks.contest import BARE, ORIGINAL, OURS, REDIS, Aim, Figure, Turn, contest
from tests.benchmarks.lines import EMPTY, RECV_BYTES, answer_bytes, flood, lines, read_answer, read_exactly, rounds
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import Server

CONNECTIONS = (1, 8, 50, 500)
POST = "hello, this is a post of thirty"
WINDOW = 20
INSERT_ROWS = 1000
POST_COLUMNS = ("user_id", "address", "text", "at_ms")


def names(count: int) -> list[str]:
    """Return names that get no messages."""
    return [f"user {number}" for number in range(count)]


def posting(server: Server, connections: int, posts: int) -> Turn:
    """Return a turn: posts a second until the last one is stored, as an empty `listdm` tells each line."""
    blob = encode_request(POST) * (posts // connections)

    def turn() -> float:
        with lines(server.port, names(connections)) as socks:
            return posts // connections * connections / flood(socks, blob, encode_request("listdm"), len(EMPTY))

    return turn


def posting_to_redis(server: Server, connections: int, posts: int) -> Turn:
    """Return the same turn for RPUSH; the one answer comes when all before it is on the disk."""
    blob = _resp("CLIENT", "REPLY", "OFF") + _resp("RPUSH", "posts", POST) * (posts // connections)

    def turn() -> float:
        with lines(server.port, [None] * connections) as socks:
            seconds = flood(socks, blob, _resp("CLIENT", "REPLY", "ON"), len(b"+OK\r\n"))
            return posts // connections * connections / seconds

    return turn


@contextmanager
def inserting(posts: int) -> Iterator[Turn]:
    """Give a turn of multi-row inserts on the engine that our writer uses, without a server around it."""
    with TemporaryDirectory() as folder:
        engine = writing_engine(database_url("", Path(folder)))
        migrate(engine, Path(folder))
        bulk, rows = bulk_for(engine), [(1, "127.0.0.1", POST, 0)] * INSERT_ROWS
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO users (id, name, name_hash) VALUES (1, 'ann', x'00')")

        def turn() -> float:
            start = time.perf_counter()
            for _ in range(posts // INSERT_ROWS):
                with engine.begin() as connection:
                    bulk.insert(connection, POSTS, POST_COLUMNS, rows)
            return posts // INSERT_ROWS * INSERT_ROWS / (time.perf_counter() - start)

        yield turn
        engine.dispose()


def posts(scale: Scale) -> Iterator[Figure]:
    """Measure durable, pipelined posts."""
    aims = {
        1: [Aim(OURS, ORIGINAL, None, 0.6)],
        50: [Aim(OURS, ORIGINAL, 1, 3)],
        500: [Aim(OURS, ORIGINAL, None, 3)],
    }
    for connections in CONNECTIONS:
        with ExitStack() as stack:
            ours, theirs = stack.enter_context(servers.board()), stack.enter_context(servers.original())
            turns = {
                OURS: posting(ours, connections, scale.posts),
                ORIGINAL: posting(theirs, connections, scale.posts),
                BARE: stack.enter_context(inserting(scale.posts)),
            }
            if servers.REDIS:
                turns[REDIS] = posting_to_redis(stack.enter_context(servers.redis()), connections, scale.posts)
            name = f"durable posts, {connections} connections"
            yield contest(name, "posts/s", turns, aims.get(connections, []), scale.turns)


def posts_then_lists(scale: Scale) -> Iterator[Figure]:
    """Measure a post and then one's own list of the newest rows, which has to show it."""
    aims = {50: [Aim(OURS, ORIGINAL, 5), Aim(OURS, REDIS, None, 1)]}
    with ExitStack() as stack:
        ours = stack.enter_context(servers.board(board_window=WINDOW))
        theirs = stack.enter_context(servers.original(WINDOW))
        redis = stack.enter_context(servers.redis()) if servers.REDIS else None
        for connections in CONNECTIONS:
            turns = {OURS: pairs(ours, connections, scale.pairs), ORIGINAL: pairs(theirs, connections, scale.pairs)}
            if redis:
                turns[REDIS] = _redis_pairs(redis, connections, scale.pairs)
            name = f"a post, then one's own list of 20 rows, {connections} connections"
            yield contest(name, "pairs/s", turns, aims.get(connections, []), scale.turns)


def pairs(server: Server, connections: int, count: int) -> Turn:
    """Return a turn: posts with a list behind each, a second."""
    requests = [encode_request(POST), encode_request("list")]

    def turn() -> float:
        with lines(server.port, names(connections)) as socks:
            return connections * count / rounds(socks, requests, answer_bytes, count)

    return turn


def _redis_pairs(server: Server, connections: int, count: int) -> Turn:
    requests = [_resp("RPUSH", "posts", POST), _resp("LRANGE", "posts", str(-WINDOW), "-1")]
    _redis_fill(server, WINDOW)
    # The number, the length of the list, and the length and text of each row.
    ends = 2 + 2 * WINDOW

    def turn() -> float:
        with lines(server.port, [None] * connections) as socks:
            complete = rounds(socks, requests, lambda data: data.count(b"\r\n") >= ends, count)
            return connections * count / complete

    return turn


def lists(scale: Scale) -> Iterator[Figure]:
    """Measure lists of a thousand rows, read as fast as they come."""
    rows, clients = 1000, 20
    with ExitStack() as stack:
        answer = encode_rows([f"127.0.0.1 {POST}"] * rows)
        ours, theirs = stack.enter_context(servers.board()), stack.enter_context(servers.original())
        for server in (ours, theirs):
            posting(server, 1, rows)()
        turns = {
            OURS: listing(ours, clients, scale.lists),
            ORIGINAL: listing(theirs, clients, max(1, scale.lists // 50)),
            BARE: listing(stack.enter_context(servers.bare(answer)), clients, scale.lists),
        }
        if servers.REDIS:
            turns[REDIS] = _redis_lists(stack.enter_context(servers.redis()), clients, rows, scale.lists)
        aims = [Aim(OURS, ORIGINAL, 20, 150), Aim(OURS, REDIS, None, 2), Aim(OURS, BARE, None, 0.6)]
        yield contest("lists of 1,000 rows, 20 clients", "lists/s", turns, aims, scale.turns)


def listing(server: Server, clients: int, count: int, word: str = "list", name: str | None = None) -> Turn:
    """Return a turn: lists a second, all of one length."""
    request = encode_request(word)
    everyone = names(clients) if name is None else [name] * clients

    def turn() -> float:
        with lines(server.port, everyone) as socks:
            socks[0].sendall(request)
            size = len(read_answer(socks[0]))
            return clients * count / rounds(socks, [request], lambda data: len(data) >= size, count)

    return turn


def _redis_lists(server: Server, clients: int, rows: int, count: int) -> Turn:
    request = _resp("LRANGE", "posts", "0", "-1")
    _redis_fill(server, rows)
    ends = 1 + 2 * rows
    with lines(server.port, [None]) as [sock]:
        sock.sendall(request)
        data = bytearray()
        while data.count(b"\r\n") < ends:
            data += sock.recv(RECV_BYTES)
    size = len(data)

    def turn() -> float:
        with lines(server.port, [None] * clients) as socks:
            return clients * count / rounds(socks, [request], lambda data: len(data) >= size, count)

    return turn


def _redis_fill(server: Server, rows: int) -> None:
    with lines(server.port, [None]) as [sock]:
        sock.sendall(_resp("RPUSH", "posts", *[f"127.0.0.1 {POST}"] * rows))
        read_exactly(sock, len(f":{rows}\r\n"))


def _resp(*words: str) -> bytes:
    """Return a request as Redis takes it."""
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
