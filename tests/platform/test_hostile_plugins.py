"""Everything in tests/hostile_plugins in one server, set off again and again, while fifty stock users talk.

Code in the server's process may do whatever that may. So what only malice does is out of scope: to end the process
(`os._exit`, a signal to itself, a wild pointer), to stop its event loop, to close or write to its sockets and files, to
change its modules and objects, to take a signal and keep the loop from moving at once, and to take all threads or all
memory. What the import of a plugin changes of the process is put back after it, a signal that is taken at any time. A
command that may do worse runs with `isolation="process"`.
"""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bbs_core.control import send
from bbs_core.errors import BBSError
from tests.platform.outside import command_word, put, put_hostile
from tests.platform.witnesses import Witness, assert_transcripts_are_right, at_once
from tests.stock.double import StockClient
from tests.support import BoardProcess, bbs

WITNESSES = 50
# Enough to have a plugin set aside, and to ask it once more.
FAILURES, ROUNDS = 3, 4
# A screen that was set aside holds every post, as it should: these fail less often.
SCREENED_ROUNDS = 1
WAIT_S = 20.0
STOP_S = 10.0
SETTINGS: dict[str, Any] = {
    "plugins_deadline_s": 1.0,
    "plugins_quarantine_failures": FAILURES,
    "plugins_worker_memory_bytes": 64 << 20,
    "limits_connections_per_address": 1000,
}
GOOD = """
    from bbs_core.plugin import command

    @command("/good")
    def good():
        return "good"
"""
COMMANDS = ["/good", "/who", "/help", "/raising-module", "/eat", "/sleep", "/crash", "/leave"]
SCREENS = [[f"make a screen {what}"] for what in ("raise", "wait", "babble", "rewrite")] + [
    ["dm", "nobody", f"make a screen {what}"] for what in ("raise", "compute")
]
VERBS = ["fail", "leave", "wait", "babble"]
INCIDENT = r"(failed|did not answer in time) \(incident [0-9a-f]{8}\)\."
NOTICE = re.compile(
    rf"(Your (post|message) was not (kept|sent): )?The plugin \w+ {INCIDENT}"
    r"|The plugin behind /[\w-]+ answered (something that is not rows|more than 10000 rows)\."
    r"|/[\w-]+ is switched off\.|The plugin \w+ is busy at the moment; please try again\."
    r"|half a \? character|right|good|\d+ on line:|trouble|witness\d+|and \d+ more|\S+( [^ ]+)*: .*"
    r"|Your post waits for a review\b.*"
)
# What an admin reads of each. Those that answer what is no row, or hinder nobody, are at work.
SET_ASIDE = r"quarantined \(It failed \d+ times\.\)"
LISTED = {
    "syntax_error": r"failed \(SyntaxError: .+ \(syntax_error\.py:3\)\)",
    "missing_import": r"failed \(ModuleNotFoundError: .+ \(missing_import\.py:3\)\)",
    "exits_at_import": r"failed \(SystemExit: .+ \(exits_at_import\.py:5\)\)",
    "never_imported": r"failed \(Its import did not end within .+ \(never_imported\.py:5\)\.\)",
    "raising_property": r"failed \(RuntimeError: .+ \(raising_property\.py:\d+\)\)",
    "raising_settings": r"failed \(The settings of raising_settings fail at these values: RuntimeError .+\)",
    **dict.fromkeys(("screen_raises", "screen_never_ends", "screen_answers_nonsense"), "loaded"),
    **{f"answers_{what}": "loaded" for what in ("a_coroutine", "a_generator", "a_mapping", "a_million_rows")},
    **{
        f"answers_{what}": "loaded"
        for what in ("a_number", "a_treacherous_list", "lone_surrogates", "mixed_rows", "nothing")
    },
    **dict.fromkeys(("raises_a_lone_surrogate", "starts_threads", "leaves_tasks_behind", "raising_module"), "loaded"),
    **dict.fromkeys(("changes_the_process", "metrics_are_garbage", "z_good"), "loaded"),
}


@dataclass
class Trouble:
    """One line on which a hostile command is given; what it does to that line is its own affair."""

    client: StockClient
    frames: Sequence[str]
    notices: list[str] = field(default_factory=list)

    def make(self) -> None:
        for frame in self.frames:
            self.client.post(frame)

    def look(self) -> None:
        self.notices += [row.removeprefix("* ") for row in self.client.listdm()]


@dataclass
class Told:
    """What came of it all."""

    witnesses: list[Witness]
    troubles: list[Trouble]
    metrics: str = ""
    odd: dict[str, str] = field(default_factory=dict)
    stop_s: float = 0.0
    exit_code: int | None = None
    output: str = ""


@contextmanager
def people(board: BoardProcess, deeds: Sequence[str]) -> Iterator[Told]:
    names = [f"witness{number}" for number in range(WITNESSES)]
    lines = [*([command_word(deed)] for deed in deeds), *([word] for word in COMMANDS), *SCREENS]
    with ExitStack() as stack:

        def come(name: str) -> StockClient:
            return stack.enter_context(board.client(name, timeout_s=WAIT_S))

        witnesses = map(Witness, names, [*names[1:], names[0]], at_once(come, names))
        yield Told(list(witnesses), [Trouble(come("trouble"), line) for line in lines])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    data = tmp_path_factory.mktemp("hostile") / "data"
    deeds = put_hostile(data)
    put(data, "z_good.py", GOOD)
    with BoardProcess(data, **SETTINGS) as board:
        with people(board, deeds) as told:
            for number in range(ROUNDS):
                make_trouble(told, number)
                make_trouble_beside(board, told)
            at_once(Witness.look_and_leave, told.witnesses)
            told.odd = wait_for_the_list(data)
            take_signals(board)
        began = time.monotonic()
        told.exit_code = board.terminate()
        told.stop_s, told.output = time.monotonic() - began, board.output
        yield told


def make_trouble(told: Told, round_number: int) -> None:
    at_work = [one for one in told.troubles if one.frames not in SCREENS or round_number < SCREENED_ROUNDS]
    for trouble in at_work:
        trouble.make()
    at_once(Witness.take_part, told.witnesses)
    at_once(Trouble.look, at_work)


def make_trouble_beside(board: BoardProcess, told: Told) -> None:
    """Give observers an act to hear of, run verbs, and ask for metrics."""
    send(board.data, "plugin.reload", {"name": "z_good", "reason": "an act to tell of"})
    for verb in VERBS:
        with pytest.raises(BBSError):
            send(board.data, "plugin.run", {"plugin": "verbs_misbehave", "verb": verb, "text": ""})
    with urllib.request.urlopen(f"http://127.0.0.1:{board.admin_port}/metrics", timeout=WAIT_S) as answer:
        told.metrics = answer.read().decode()


def wait_for_the_list(data: Path) -> dict[str, str]:
    """Wait until each plugin is listed as it should be; returns what is listed of the others."""
    ends, odd = time.monotonic() + WAIT_S, {"nothing": "is listed"}
    while odd and time.monotonic() < ends:
        listed = dict(line.split(": ", 1) for line in bbs("plugin", "list", "--data", data).stdout.splitlines())
        outside = {path.stem: listed.get(path.stem, "") for path in (data / "plugins").glob("*.py")}
        odd = {name: row for name, row in outside.items() if not re.match(LISTED.get(name, SET_ASIDE), row)}
    return odd


def take_signals(board: BoardProcess) -> None:
    """Have a plugin take the signals, which the server takes back as soon as its loop moves."""
    with board.client("trouble", timeout_s=WAIT_S) as client:
        client.post("/take-signals")
        client.listdm()
    ends = time.monotonic() + WAIT_S
    while board.output.count("signal_taken_back") < 4:
        assert time.monotonic() < ends, board.output


def test_the_transcripts_of_fifty_stock_users_are_exactly_right(told: Told) -> None:
    assert_transcripts_are_right(told.witnesses)


def test_whoever_sets_them_off_reads_a_sentence_and_no_secret(told: Told) -> None:
    for trouble in told.troubles:
        assert [row for row in trouble.notices if not NOTICE.fullmatch(row)] == []
        assert "secret" not in " ".join(trouble.notices)


@pytest.mark.parametrize(("word", "answer"), [("/good", "good"), ("/raising-module", "right")])
def test_a_good_plugin_answers_every_time(told: Told, word: str, answer: str) -> None:
    [trouble] = [one for one in told.troubles if one.frames == [word]]
    assert trouble.notices == [answer] * ROUNDS


def test_each_is_listed_with_its_reason(told: Told) -> None:
    assert told.odd == {}


def test_metrics_are_told_all_the_same(told: Told) -> None:
    found = {family.name: family for family in text_string_to_metric_families(told.metrics)}
    failures = {sample.labels["plugin"]: sample.value for sample in found["bbs_plugin_failures"].samples}
    assert min(failures[name] for name in ("raises", "hangs", "observer_raises", "timers_misbehave")) >= FAILURES


def test_it_stops_in_time(told: Told) -> None:
    assert told.exit_code == 0
    assert told.stop_s < STOP_S
