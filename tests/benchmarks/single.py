"""What one client meets, and what idle connections, a long history, plugins and many mailboxes cost."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from textwrap import dedent

from bbs_core.protocol import encode_request, encode_rows
from tests.benchmarks import attack_latency, servers
from tests.benchmarks.contest import ALLOWED, BARE, ORIGINAL, OURS, Aim, Figure, Turn, contest
from tests.benchmarks.lines import lines, read_answer
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import Server, memory_bytes
from tests.benchmarks.traffic import POST, WINDOW, listing, names, posting
from tests.stock.double import StockClient
from tests.wire.filled import fill, fill_mailboxes

HOST = "127.0.0.1"
ATTACKS_PER_SECOND = 200.0
KIB = 1024
PLUGINS_CONNECTIONS = 50
NO_PLUGIN = "no plugin"
# How often it is asked whether all was told, and after which pause; a minute in all.
LOOKS, TOLD_S = 1200, 0.05
IDLE = """
    from bbs_core.plugin import command, hookimpl

    @command("/roll-{number}")
    def roll(session, text):
        "Roll a die."
        return "4"

    @command("/joke-{number}")
    async def joke(session, text):
        "Tell a joke."
        return "Ha."

    @hookimpl
    def bbs_session_opened(session):
        pass
"""
WRAPPER = """
    from bbs_core.plugin import UserError, hookimpl, never_blocks

    @hookimpl(wrapper=True)
    @never_blocks
    def bbs_command_post(session, text):
        if "forbidden" in text:
            raise UserError("Your post was not kept: mind your words.")
        return (yield)
"""

SCREEN = """
    from bbs_core.plugin import Refuse, hookimpl, never_blocks

    @hookimpl
    @never_blocks
    def bbs_screen_post(text):
        return Refuse("mind your words") if "forbidden" in text else None
"""
OBSERVER = """
    from bbs_core.plugin import command, hookimpl

    told = 0

    @hookimpl
    def bbs_posts_committed(posts):
        global told
        told += sum("forbidden" not in post.text for post in posts)

    @command("/told")
    def show():
        return str(told)
"""


def stock_lists(scale: Scale) -> Iterator[Figure]:
    """Measure how long the stock client waits for a list, read as it reads: a header, then a text, for each row."""
    rows = 100
    with ExitStack() as stack:
        ours = stack.enter_context(servers.board())
        posting(ours, 1, rows)()
        bare = stack.enter_context(servers.bare(encode_rows([f"{HOST} {POST}"] * rows)))

        def waiting(server: Server) -> Turn:
            client = stack.enter_context(StockClient(HOST, server.port, "ann"))

            def turn() -> float:
                return 1000 * median(_seconds(client.list) for _ in range(scale.single_lists))

            return turn

        turns = {OURS: waiting(ours), BARE: waiting(bare)}
        aims = [Aim(OURS, BARE, 3, 1.5, at_most=True)]
        yield contest("the stock client's list of 100 rows", "ms", turns, aims, scale.turns)


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def idle_connections(scale: Scale) -> Iterator[Figure]:
    """Measure what a named session that says nothing holds in memory; one that was measured before does not count."""
    count = scale.idle_connections
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with servers.board() as board:
        listing(board, 1, 1)()
        before = memory_bytes(board)
        with lines(board.port, names(count)) as socks:
            # Answered in order, so that all are known when the last one is.
            socks[-1].sendall(encode_request("listdm"))
            read_answer(socks[-1])
            held = (memory_bytes(board) - before) / count / KIB
    aims = [Aim(OURS, ALLOWED, 8, 3, at_most=True)]
    yield Figure(f"memory of an idle connection, of {count:,}", "KiB", {OURS: held, ALLOWED: 1.0}, aims)


def history(scale: Scale) -> Iterator[Figure]:
    """Measure start, memory and a list of the newest rows with a long history against a short one."""
    titles = {length: f"{length:,} posts" for length in scale.histories}
    aims = [Aim(titles[max(titles)], titles[min(titles)], 2, 1.1, at_most=True)]
    found: dict[str, dict[str, list[float]]] = {}
    with TemporaryDirectory() as folder:
        for length, title in titles.items():
            fill(Path(folder, title), (POST for _ in range(length)))
        for number in range(scale.turns + 1):
            for title in titles.values():
                for what, value in _started(Path(folder, title), scale).items():
                    if number:
                        found.setdefault(what, {}).setdefault(title, []).append(value)
    for what, values in found.items():
        name, unit = what.rsplit(" ", 1)
        yield Figure(name, unit, {title: median(taken) for title, taken in values.items()}, aims)


def _started(data: Path, scale: Scale) -> dict[str, float]:
    start = time.perf_counter()
    with servers.board(data, board_window=WINDOW) as board:
        started = time.perf_counter() - start
        with StockClient(HOST, board.port, "ann") as client:
            listed = median(_seconds(client.list) for _ in range(scale.single_lists))
        memory = memory_bytes(board)
        return {
            "start-up s": started,
            "memory MiB": memory / KIB / KIB,
            "list of the newest 20 ms": 1000 * listed,
            "seconds for a thousand such lists, 20 clients s": 1000 / listing(board, 20, scale.lists)(),
        }


def plugins(scale: Scale) -> Iterator[Figure]:
    """Measure posting beside plugins that have nothing to do with posts, and beside one that has to do with each."""
    idle = {f"idle_{number}.py": IDLE.format(number=number) for number in range(scale.plugins)}
    for title, sources, gate, aim in (
        (f"posts beside {scale.plugins} idle plugins", idle, 0.85, 0.97),
        ("posts behind a plugin that wraps each", {"wrapper.py": WRAPPER}, None, 0.8),
        ("posts behind a plugin that screens each", {"screen.py": SCREEN}, None, 0.8),
        ("posts beside a plugin that observes all", {"observer.py": OBSERVER}, 0.75, 0.9),
    ):
        with servers.board() as without, _board_with(sources) as ours:
            turns = {
                OURS: posting(ours, PLUGINS_CONNECTIONS, scale.posts),
                NO_PLUGIN: posting(without, PLUGINS_CONNECTIONS, scale.posts),
            }
            if OBSERVER in sources.values():
                turns[OURS] = _observed(ours, turns[OURS], scale.posts)
            yield contest(title, "posts/s", turns, [Aim(OURS, NO_PLUGIN, gate, aim)], scale.turns)


@contextmanager
def _board_with(sources: Mapping[str, str]) -> Iterator[Server]:
    with TemporaryDirectory() as folder:
        Path(folder, "plugins").mkdir()
        for file, source in sources.items():
            Path(folder, "plugins", file).write_text(dedent(source))
        with servers.board(Path(folder)) as server:
            yield server


def _observed(server: Server, turn: Turn, posts: int) -> Turn:
    """Wait after each turn until all is told, so that the others do not pay for it; that is no part of the figure."""
    expected = count(1)
    told = posts // PLUGINS_CONNECTIONS * PLUGINS_CONNECTIONS

    def observed() -> float:
        value = turn()
        with StockClient(HOST, server.port, "counter") as client:
            wait_for = told * next(expected)
            client.post("/told")
            for _ in range(LOOKS):
                if int(client.listdm()[-1].removeprefix("* ")) >= wait_for:
                    break
                time.sleep(TOLD_S)
                client.post("/told")
            else:
                raise TimeoutError("The observer was not told of all posts.")
        return value

    return observed


def mailboxes(scale: Scale) -> Iterator[Figure]:
    """Measure `listdm` of many messages among many mailboxes."""
    clients, reader = 20, "reader"
    mail = [(f"user {number}", POST) for number in range(scale.mailboxes)] + [(reader, POST)] * scale.messages
    with TemporaryDirectory() as folder, servers.original() as theirs:
        fill_mailboxes(Path(folder), mail)
        with lines(theirs.port, names(1)) as [sock]:
            for name, text in mail:
                sock.sendall(b"".join(map(encode_request, ("dm", name, text))))
            sock.sendall(encode_request("list"))
            read_answer(sock)
        with servers.board(Path(folder)) as ours:
            turns = {
                OURS: listing(ours, clients, scale.lists, "listdm", reader),
                ORIGINAL: listing(theirs, clients, max(1, scale.lists // 50), "listdm", reader),
            }
            title = f"listdm of {scale.messages:,} messages, {scale.mailboxes:,} mailboxes, 20 clients"
            yield contest(title, "lists/s", turns, [Aim(OURS, ORIGINAL, 10, 150)], scale.turns)


def attacks(scale: Scale) -> Iterator[Figure]:
    """Measure the slowest of a hundred lists while somebody is rude, against a quiet board."""
    kinds = attack_latency.KINDS[: scale.attacks]
    aims = [Aim("attacked", "quiet", 10, at_most=True)]
    for found in attack_latency.compare(ATTACKS_PER_SECOND, scale.attack_seconds, scale.attack_turns, kinds):
        medians = {"attacked": found.p99_ms, "quiet": found.quiet_p99_ms}
        yield Figure(f"p99 of another's list of 20 rows: {found.kind}", "ms", medians, aims)


def machine() -> str:
    """Describe the machine in a line."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": ?")
    uname = os.uname()
    return f"{os.cpu_count()} cores ({model.partition(': ')[2]}), {uname.sysname} {uname.release} {uname.machine}"
