"""What users, colleagues and addresses of pages say stays text: on every page, in every file, and on the terminal."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag, urlencode
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from admin.charts import KINDS
from admin.pages.exports import NOUNS
from admin.tables import FORMATS
from bbs_core.cli import main
from tests.console.api_cases import FORMS
from tests.console.hostile import (
    FORMULAE,
    HOSTILE,
    INCIDENT,
    LONG,
    MARK,
    MARKUP,
    PRINTABLE,
    STEER,
    STEERING,
    Page,
    faults,
    fill,
    hostile,
    shown,
)
from tests.console.support import PASSWORD, SETUP_KEY, Answer, Board, Browser, open_board
from tests.console.test_routes import routes

PAGES_LIMIT = 250
# What a path may ask for; a rule with another part fails here until somebody names its values.
PARTS: dict[str, list[str]] = {
    **{part: ["1"] for part in ("user_id", "target_id", "id", "act_id", "post_id")},
    "kind": ["post", "message"],
    "name": [*KINDS, "dice"],
    "incident": [INCIDENT],
    "noun": list(NOUNS),
    "page": ["rolls"],
    "form": list(FORMATS),
    "filename": ["console.css", "console.js", "icon.svg"],
}
TYPES = {
    r"/healthz|/api/v1/.*": "application/json",
    r"/users/\d+/export": "application/json",
    r"/metrics": "text/plain; version=1.0.0; charset=utf-8",
    r"/export/\w+\.csv.*": "text/csv; charset=utf-8",
    r"/export/\w+\.jsonl.*": "application/jsonl",
    r"/charts/.*": "image/svg+xml",
    r".*\.svg": "image/svg+xml; charset=utf-8",
    r".*\.css": "text/css; charset=utf-8",
    r".*\.js": "text/javascript; charset=utf-8",
}
# Each place must be met on some page, so that none of these texts can have been lost on the way.
PLACES = (
    *("user name", "post", "held post", "why held", "recipient", "message", "words of a post", "words of a message"),
    *("plugin name", "plugin version", "plugin origin", "plugin reason", "command", "writer", "agent"),
    *("usage", "help", "may", "rate", "incident's plugin", "hook", "caller", "trace"),
    *("operator", "a row", "operator's post", "announcement", "remark", "banned", "note", "note of a mute", "reason"),
    *("token", "colleague", "typed"),
)
FILTERED = {
    "/posts": ("words", "state", "user_id", "since", "until", "limit", "cursor"),
    "/users": ("search", "network", "seen_since", "online", "state", "sort", "limit", "cursor"),
    "/audit": ("actor", "action", "target_kind", "target_id", "since", "until", "cursor"),
    "/bans/new": ("kind", "value", "reason", "note", "expires_in_s", "user_id", "hide_posts"),
    "/mutes/new": ("kind", "value", "reason", "note", "expires_in_s", "user_id", "force"),
    **dict.fromkeys(("/bans", "/mutes", "/review", "/sessions", "/speak"), ("cursor", "limit", "state", "in_force")),
    **dict.fromkeys(("/", "/proof", "/setup", "/staff", "/account"), ("span", "after", "key", "cursor")),
    "/incidents": ("number", "plugin", "cursor"),
    "/charts/posts.svg": ("span", "dark"),
    "/export/users.csv": ("search", "network"),
    "/login": ("next", "name"),
}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board in whose every place stands a hostile text."""
    data = tmp_path_factory.mktemp("hostile") / "data"
    data.mkdir()
    with open_board(data, "") as opened:
        fill(opened)
        yield opened


@pytest.fixture(scope="module")
def browser(board: Board) -> Browser:
    """The owner's browser, which tells of itself what it likes."""
    visitor = Browser(board)
    visitor.enter()
    board.run(lambda c: c.execute(sa.text("UPDATE logins SET agent = :agent"), {"agent": hostile("agent")}))
    return visitor


def addresses(board: Board) -> list[str]:
    """Return the address of everything that can be asked for, from the application's own map."""
    found = []
    for rule in board.app.url_map.iter_rules():
        if "GET" in (rule.methods or set()):
            parts = re.findall(r"<(?:\w+:)?(\w+)>", rule.rule)
            for values in itertools.product(*(PARTS[part] for part in parts)):
                path = rule.rule
                for value in values:
                    path = re.sub(r"<[^>]+>", value, path, count=1)
                found.append(path)
    return found


def is_of_its_type(path: str, answer: Answer) -> bool:
    kind = next((kind for pattern, kind in TYPES.items() if re.fullmatch(pattern, path)), "text/html; charset=utf-8")
    errors = ("text/html; charset=utf-8", "application/problem+json")
    return answer.headers["Content-Type"] == kind or (answer.status >= 400 and answer.headers["Content-Type"] in errors)


def test_no_page_is_made_of_what_people_wrote(board: Board, browser: Browser) -> None:
    waiting = deque([*addresses(board), "/bans/new?" + urlencode({"value": hostile("typed"), "kind": "user"})])
    seen, wrong, texts = set(waiting), [], ""
    while waiting and len(seen) < PAGES_LIMIT:
        path = waiting.popleft()
        answer = browser.get(path)
        wrong += faults(answer, path)
        if not is_of_its_type(path, answer):
            wrong.append(f"{path} is said to be {answer.headers['Content-Type']}")
        if answer.headers["Content-Type"].startswith("text/html"):
            texts += answer.text
            links = {urldefrag(link).url for link in Page(answer.text).links} - seen
            waiting += [link for link in sorted(links) if link.startswith("/")]
            seen |= links
    assert wrong == []
    assert not waiting, "there are more pages than the crawl may see"
    assert [place for place in PLACES if shown(place) not in texts.replace("&#39;", "'")] == []
    assert "cut\u240d\u240ahere" in texts
    assert LONG.replace('"', "&#34;").replace("'", "&#39;").replace(">", "&gt;") in texts


def test_no_page_is_made_of_its_address(board: Board, browser: Browser) -> None:
    wrong = []
    for path, names in FILTERED.items():
        for name in (*names, STEER + MARKUP):
            for value in (HOSTILE, PRINTABLE, STEER):
                asked = f"{path}?{urlencode({name: value})}"
                wrong += faults(browser.get(asked), asked)
    assert browser.get("/posts?" + urlencode({"words": HOSTILE[:150]})).status == 200
    assert wrong == []


def test_no_answer_to_a_form_is_made_of_what_was_typed(sqlite_board: Board) -> None:
    board = sqlite_board
    fill(board)
    visitor, wrong, asked = Browser(board), [], 0
    for method, path, endpoint in routes(board):
        form = FORMS.get(endpoint.removeprefix("pages."))
        if method != "POST" or form is None:
            continue
        # Anew for each, as some end the login; of the pages with a token this is the smallest.
        visitor.enter()
        token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/proof").text)
        assert token
        typed = {**dict.fromkeys(form.body, hostile("typed")), "back": hostile("back"), HOSTILE: HOSTILE}
        answer = visitor.post_bare(path, csrf_token=token[1], **typed)
        wrong += faults(answer, path)
        if answer.status == 303:
            assert answer.headers["Location"].startswith("/"), path
            wrong += faults(visitor.get(answer.headers["Location"]), f"{path}, where it leads")
        asked += 1
    assert wrong == []
    assert asked == len(FORMS)


def test_nothing_that_is_said_of_an_act_is_made_of_what_was_typed(board: Board, browser: Browser) -> None:
    answer = browser.post("/staff", name="\u2028[typed]\u2028", role="observer", password=PASSWORD)
    page = browser.get(answer.headers["Location"])
    assert "&lt;2028&gt;[typed]&lt;2028&gt; may enter." in page.text
    assert faults(page, "/staff") == []


def test_no_stranger_makes_a_page_of_their_own(board: Board) -> None:
    stranger = Browser(board)
    answers = [
        stranger.post("/login", name=hostile("typed"), password=HOSTILE),
        stranger.post("/login/code", code=HOSTILE),
        stranger.get(f"/setup?key={SETUP_KEY}"),
        board.get("/" + "%3Cscript%3E%1b"),
    ]
    assert [fault for answer in answers for fault in faults(answer, "a stranger's")] == []


def test_no_set_up_is_made_of_what_was_typed(sqlite_board: Board) -> None:
    visitor, link = Browser(sqlite_board), f"/setup?key={SETUP_KEY}"
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get(link).text)
    assert token
    typed = {"name": hostile("typed"), "password": PASSWORD, "again": PASSWORD, "looks": HOSTILE}
    answer = visitor.post_bare(link, csrf_token=token[1], **typed)
    assert answer.status == 422
    assert shown("typed") in answer.text
    assert faults(answer, link) == []


def test_no_cell_of_an_export_is_a_formula_and_every_line_is_whole(board: Board, browser: Browser) -> None:
    counts = {}
    for noun in NOUNS:
        cells = list(csv.reader(io.StringIO(browser.get(f"/export/{noun}.csv").text, newline="")))
        lines = [json.loads(line) for line in browser.get(f"/export/{noun}.jsonl").text.split("\n") if line]
        assert {len(row) for row in cells} == {len(cells[0])}
        assert not [cell for row in cells for cell in row if cell.lstrip(" ").startswith(FORMULAE)]
        counts[noun] = (len(cells) - 1, len(lines))
    assert counts["posts"] == (17, 17)
    assert all(rows == lines > 2 for rows, lines in counts.values())


def test_no_chart_is_made_of_anything_but_numbers(board: Board, browser: Browser) -> None:
    for name in KINDS:
        text = browser.get(f"/charts/{name}.svg?{urlencode({'span': HOSTILE, 'dark': HOSTILE})}").text
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert MARK not in text


@pytest.mark.parametrize(
    ("words", "met"),
    [
        (("user", "list"), "user name"),
        (("user", "online"), "user name"),
        (("ban", "list"), "banned"),
        (("mute", "list"), "user name"),
        (("plugin", "list"), "plugin reason"),
        (("audit", "list"), "reason"),
        (("staff", "list"), "colleague"),
        (("token", "list"), "token"),
        (("plugin", "disable", hostile("typed").replace("\0", ""), "--reason", "x"), ""),
        (("staff", "role", hostile("typed"), "king"), ""),
        (("ban", "add", HOSTILE, "x", "--reason", "x"), ""),
        (("config", "check"), ""),
    ],
)
def test_no_line_of_a_command_steers_the_terminal(board: Board, words: tuple[str, ...], met: str) -> None:
    data = str(Path(board.url.database or "").parent)
    printed = CliRunner().invoke(main, [*words, "--data", data]).output
    assert not STEERING.search(printed.replace("\n", "")), words
    assert shown(met) in printed if met else printed.count("\n") == 1
