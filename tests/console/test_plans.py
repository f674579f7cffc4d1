"""No page of the console and no list of the API goes through a large table, whatever is asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from tests.console.crowded import SCHOOL, Crowd, fill
from tests.console.support import Answer, Board, Browser

API = "/api/v1"
CROWD = Crowd(users=20_000, posts=100_000, messages=30_000, acts=20_000, few=60)
# What one statement may take: rows that PostgreSQL reads, and steps that SQLite counts. A page of 50 takes half as much
# at most, and to go through the smallest of the large tables three times as much at least.
ROWS_LIMIT, STEPS_LIMIT = 3000, 20_000
STEPS = 100
# What each filter is asked for: first what most rows have, then what few have, and what none has.
VALUES: Mapping[str, Sequence[str]] = {
    "search": ("user", "user 7919", "nobody"),
    "network": (SCHOOL, "10.0.0.0/8", "10.0.3.0/24", "203.0.113.0/24"),
    "seen_since": ("1970-01-01T00:00:01Z", "1970-01-01T00:00:19Z"),
    "online": ("true",),
    "user_id": ("1", "7"),
    "words": ("hello", "rare", "hello rare", "thread7", "nothing", "hel*"),
    "since": ("1970-01-01T00:00:09Z", "1970-01-02T00:00:00Z"),
    "until": ("1970-01-02T00:00:00Z", "1970-01-01T00:00:09Z"),
    "actor": ("olga", "rita", "spam"),
    "action": ("post.hide", "ban.add", "none"),
    "target_kind": ("post", "sanction", "none"),
    "target_id": ("7", "5", "none"),
    "hours": ("24", "1488"),
    "span": ("day", "month"),
    "plugin": ("dice",),
    "number": ("1",),
}
# What stands in paths; anything else is a number.
NAMES = {"kind": "post", "noun": "posts", "form": "csv", "name": "posts"}
VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
ELSEWHERE = ("hours", "span", "plugin", "number")
FORM = re.compile(r'<form class="filters[^>]* method="get">.*?</form>', re.DOTALL)
FIELD = re.compile(r'<(?:input|select)[^>]* name="(\w+)"[^>]*>((?:\s*<option.*?</option>)*)')
# What says in which order, from where and how far a list goes, and leaves nothing out in between.
ORDERS = {"sort", "cursor", "since", "until"}
ALL_OF_IT = r"(SCAN|Seq Scan) (users|posts|messages|user_addresses|acts|act_texts|post_search)(_\d+)?"
WITHOUT_INDEX = re.compile(rf"{ALL_OF_IT}\s*$|USE TEMP B-TREE FOR ORDER BY|.* AUTOMATIC ")
Query = dict[str, str]


@dataclass
class Read:
    """A SELECT that answering a path took, how the database goes about it, and how much it goes through."""

    path: str
    filters: int
    statement: str
    plan: list[str]
    read: float = 0

    def is_dear(self, limit: int) -> bool:
        """Of several filters the best index is enough; no index knows what has all of them.

        To count a whole table is one step for SQLite, which does not make it cheap.
        """
        counts = "LIMIT" not in self.statement and any(re.match(ALL_OF_IT, step) for step in self.plan)
        by_index = self.filters > 1 and not any(map(WITHOUT_INDEX.match, self.plan))
        return counts or (self.read > limit and not by_index)

    def __str__(self) -> str:
        return f"{self.path} reads {self.read:,.0f}:\n{self.statement}\n{chr(10).join(self.plan)}"


class Recorder:
    """Explain every SELECT that a board's readers run, in the moment before."""

    def __init__(self, board: Board) -> None:
        self.reads: list[Read] = []
        self.path, self.filters = "", 0
        is_sqlite = board.reading.dialect.name == "sqlite"
        self._explain = self._sqlite if is_sqlite else self._postgresql
        self._limit = STEPS_LIMIT if is_sqlite else ROWS_LIMIT

    def ask(self, get: Callable[[str], Answer], path: str, query: Query) -> Answer:
        """Load a page, and record what that reads."""
        self.path = path + ("?" + urlencode(query) if query else "")
        self.filters = len(query.keys() - ORDERS)
        answer = get(self.path)
        assert answer.status < 500, self.path
        return answer

    def assert_cheap(self, *tables: str) -> None:
        """Nothing was read that is dear, and these tables were read."""
        dear = {read.statement: str(read) for read in self.reads if read.is_dear(self._limit)}
        assert not dear, "\n\n".join(dear.values())
        statements = " ".join(read.statement for read in self.reads)
        assert not [table for table in tables if not re.search(rf"(FROM|JOIN) \(?{table}\b", statements)]

    def before(self, connection: sa.Connection, _: Any, statement: str, values: Any, *_more: Any) -> None:
        """Be called by the engine."""
        if statement.lstrip().startswith(("SELECT", "WITH")):
            read = Read(self.path, self.filters, statement, [])
            self._explain(connection.connection.driver_connection, read, values)
            self.reads.append(read)

    def _sqlite(self, connection: Any, read: Read, values: Any) -> None:
        """SQLite does not tell beforehand how much it will read: its steps are counted while it does."""
        read.plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {read.statement}", values)]

        def count() -> None:
            read.read += STEPS

        connection.set_progress_handler(count, STEPS)

    def _postgresql(self, connection: Any, read: Read, values: Any) -> None:
        found = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {read.statement}", values)
        for node in _nodes(found.fetchone()[0][0]["Plan"]):
            read.plan.append(f"{node['Node Type']} {node.get('Relation Name', '')} {node.get('Index Name', '')}")
            if "Scan" in node["Node Type"]:
                removed = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
                read.read += (node["Actual Rows"] + removed) * node["Actual Loops"]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", []):
        yield from _nodes(below)


@pytest.fixture(scope="module")
def crowded_board(shared_board: Board) -> Board:
    """A board with a long history, as its database knows it after a while."""
    shared_board.run(lambda connection: fill(connection, CROWD))
    if shared_board.engine.dialect.name == "postgresql":
        shared_board.run(lambda connection: connection.exec_driver_sql("ANALYZE"))
    return shared_board


@pytest.fixture
def recorder(crowded_board: Board) -> Iterator[Recorder]:
    """What is read from now on."""
    listening = Recorder(crowded_board)
    event.listen(crowded_board.reading, "before_cursor_execute", listening.before)
    yield listening
    event.remove(crowded_board.reading, "before_cursor_execute", listening.before)


def queries(filters: Mapping[str, Sequence[str]]) -> Iterator[Query]:
    """Yield what a list may be asked: nothing, each filter alone, each in each order, and each two filters."""
    yield {}
    for name, values in filters.items():
        yield from ({name: value} for value in values)
    for one, other in combinations(filters, 2):
        several = None if "sort" in (one, other) else 1
        for values in product(filters[one][:several], filters[other][:several]):
            yield dict(zip((one, other), values, strict=True))


def reading_rules(board: Board) -> list[str]:
    """Return the rule of every route that is read, from the application's own map."""
    rules = [rule for rule in board.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    assert len(rules) > 40
    # All that is kept of a user is read page by page, and is as much as there is.
    return [rule.rule for rule in rules if not rule.endpoint.endswith("static") and not rule.rule.endswith("/export")]


def path_of(rule: str) -> str:
    return VARIABLE.sub(lambda name: NAMES.get(name[1], "1"), rule)


def test_every_list_of_the_api_uses_an_index_whatever_it_is_asked(crowded_board: Board, recorder: Recorder) -> None:
    token = crowded_board.token()
    document = crowded_board.get(f"{API}/openapi.json").json["paths"]

    def get(path: str) -> Answer:
        return crowded_board.api("GET", path, token)

    fruitful: set[tuple[str, str]] = set()
    for rule in (rule for rule in reading_rules(crowded_board) if rule.startswith(API)):
        described = document.get(VARIABLE.sub(r"{\1}", rule), {}).get("get", {})
        for query in queries(filters_of(described)):
            page = recorder.ask(get, path_of(rule), query)
            if len(query) == 1 and page.json.get("items"):
                fruitful |= {*query.items()}
            if page.status == 200 and len(query) < 2 and (cursor := page.json.get("next")):
                recorder.ask(get, path_of(rule), {**query, "cursor": cursor})
    recorder.assert_cheap("users", "posts", "acts", "user_addresses", "reports", "sanctions", "sessions", "remarks")
    # What most rows have was found: the database is as crowded as it was meant to be.
    assert {(name, values[0]) for name, values in VALUES.items() if name not in ELSEWHERE} <= fruitful


def filters_of(described: dict[str, Any]) -> dict[str, Sequence[str]]:
    """Return what the filters of a list may be asked for; one that is new has to be among VALUES."""
    found: dict[str, Sequence[str]] = {}
    for parameter in described.get("parameters", []):
        if parameter["in"] == "query" and parameter["name"] not in ("limit", "cursor"):
            schema = parameter["schema"]
            named = [value for kind in (schema, *schema.get("anyOf", ())) for value in kind.get("enum", ())]
            found[parameter["name"]] = named or VALUES[parameter["name"]]
    return found


def test_every_page_uses_an_index_whatever_it_is_asked(crowded_board: Board, recorder: Recorder) -> None:
    crowded_board.staff("otto")
    browser = Browser(crowded_board)
    browser.enter("otto")
    pages = [path_of(rule) for rule in reading_rules(crowded_board) if not rule.startswith((API, "/export"))]
    for path in [*pages, "/review/message/1"]:
        page = recorder.ask(browser.get, path, {})
        for form in FORM.findall(page.text):
            for query in queries(fields_of(form)):
                assert recorder.ask(browser.get, path, query).status < 400, recorder.path
    recorder.assert_cheap("users", "posts", "acts", "user_addresses", "reports", "messages", "sessions")


def fields_of(form: str) -> dict[str, Sequence[str]]:
    """Return what the fields of a page's filters may be asked for."""
    found = {name: re.findall(r'<option value="([^"]+)"', options) for name, options in FIELD.findall(form)}
    return {name: options or VALUES[name] for name, options in found.items()}
