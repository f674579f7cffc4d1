"""Canaries: words of direct messages that nobody reported, which are in nothing that staff or machines can read."""

from __future__ import annotations

import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from admin.api.acts import ActsQuery
from admin.api.incidents import IncidentsQuery
from admin.api.posts import PostsQuery
from admin.api.reports import ReportsQuery
from admin.api.sanctions import SanctionsQuery
from admin.api.sessions import SessionsQuery
from admin.api.users import UsersQuery
from admin.schemas import PageQuery
from bbs_core import logs, reports
from bbs_core.cli import main
from bbs_core.errors import NotFound
from bbs_core.search import index_more
from bbs_core.store.engine import SQLITE_FILE
from tests.console.api_cases import CASES, FORMS, user_id
from tests.console.support import PASSWORD, PASSWORD_HASH, Board, Browser
from tests.console.test_acts_matrix import method_of, prepared
from tests.console.test_payloads import addresses
from tests.plain_log import logging_kept
from tests.support import BoardProcess

API = "/api/v1"
# Staff search for the first word, which their own page repeats to them; the second is in the message alone.
SOUGHT, CANARY = "zebra", "quagga"
UNREPORTED = f"{SOUGHT} {CANARY}"
REPORTED, NEAR = "okapi", "bongo"
CONTEXT = reports.CONTEXT_ROWS
LISTS: dict[str, type[PageQuery]] = {
    "posts": PostsQuery,
    "users": UsersQuery,
    "acts": ActsQuery,
    "audit": ActsQuery,
    "reports": ReportsQuery,
    "review": ReportsQuery,
    "sessions": SessionsQuery,
    "bans": SanctionsQuery,
    "mutes": SanctionsQuery,
    "incidents": IncidentsQuery,
}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged, down to what only authors of plugins read."""
    with logging_kept():
        stream = io.StringIO()
        logs.configure("debug", "json", stream)
        yield stream


def write_messages(board: Board) -> None:
    """Let users write: one message is reported, by its recipient, with canaries at every side of it."""
    for name in ("ann", "bob", "cat"):
        board.visit(name, stay=True)
    board.post("a post for everyone", name="ann")
    far, near = [("ann", "bob", UNREPORTED)], [("bob", "ann", NEAR), ("ann", "bob", NEAR), ("ann", "bob", NEAR)]
    others = [("ann", "cat", UNREPORTED), ("cat", "bob", UNREPORTED), ("cat", "cat", UNREPORTED)]
    board.messages(*far, *near, *others, ("ann", "bob", REPORTED), *others, *near, *far)
    board.run(index_more)
    board.run(lambda c: reports.report(c, "message", 8, user_id(board, "bob"), "look at this"))


def queries() -> Iterator[str]:
    """Yield every list with each of its filters, where it takes words with the one that is sought."""
    for noun, model in LISTS.items():
        for name, field in model.model_fields.items():
            for value in {SOUGHT, *(getattr(field.annotation, "__args__", ())[:1])}:
                if isinstance(value, str):
                    yield f"/{noun}?{urlencode({name: value})}"


def asked(board: Board, browser: Browser, token: str) -> Iterator[tuple[str, str]]:
    """Yield each address of pages, files and the API, with what it answers to the owner."""
    paths = [*addresses(board), *queries(), *(API + query for query in queries())]
    paths += [f"/review/message/{number}" for number in range(1, 15)]
    paths += [f"{API}/reports/message/{number}" for number in range(1, 15)]
    paths += ["/users/2", "/users/3", f"/export/posts.csv?words={SOUGHT}"]
    for path in paths:
        answer = board.api("GET", path, token) if path.startswith(API) else browser.get(path)
        assert answer.status < 500, path
        yield path, answer.text


def test_a_message_that_nobody_reported_is_in_no_answer_and_in_no_log(board: Board, log: io.StringIO) -> None:
    token, browser = board.token(), Browser(board)
    browser.enter()
    write_messages(board)
    answers = dict(asked(board, browser, token))
    assert [path for path, text in answers.items() if CANARY in text] == []
    items = {path for path, text in answers.items() if REPORTED in text or NEAR in text}
    assert items == {"/review/message/8", f"{API}/reports/message/8"}
    assert f"/posts?words={SOUGHT}" in answers
    assert "/metrics" in answers
    for path in items:
        assert (answers[path].count(REPORTED), answers[path].count(NEAR)) == (1, 2 * CONTEXT)
    assert not re.search(f"{SOUGHT}|{CANARY}|{REPORTED}|{NEAR}", log.getvalue())


def test_what_was_reported_is_shown_no_more_once_it_is_dealt_with(board: Board) -> None:
    token, browser = board.token(), Browser(board)
    browser.enter()
    write_messages(board)
    assert REPORTED in browser.get("/review/message/8").text
    browser.post("/review/message/8/close", outcome="acted", reason="they are told")
    for path in ("/review?state=closed", "/audit", "/users/1", "/users/2", "/"):
        assert not re.search(f"{CANARY}|{REPORTED}|{NEAR}", browser.get(path).text), path
    for number in range(1, 15):
        assert browser.get(f"/review/message/{number}").status == 404, number
        assert board.api("GET", f"{API}/reports/message/{number}", token).status == 404, number


def test_only_those_who_wrote_or_got_a_message_can_report_it(board: Board) -> None:
    write_messages(board)
    for number, name in ((1, "cat"), (5, "bob"), (99, "bob")):
        with pytest.raises(NotFound):
            board.run(lambda c, n=number, who=name: reports.report(c, "message", n, user_id(board, who), ""))  # type: ignore[misc]
    board.run(lambda c: reports.report(c, "message", 5, user_id(board, "cat"), ""))


def restored(board: Board) -> None:
    """Make what the acts before have changed as it was, so that the next one can be done."""
    board.run(lambda connection: [connection.execute(sa.text(statement)) for statement in RESTORED] and None)
    board.run(lambda c: c.execute(sa.text("UPDATE staff SET password_hash = :it"), {"it": PASSWORD_HASH}))


RESTORED = (
    "UPDATE posts SET state = 0",
    "DELETE FROM reports WHERE kind = 'post'",
    "UPDATE sanctions SET lifted_at_ms = 1",
    "UPDATE staff SET name = name || id WHERE name = 'otto'",
    "UPDATE staff SET totp_secret = NULL",
)


def test_no_act_of_the_api_answers_with_a_message(sqlite_board: Board, log: io.StringIO) -> None:
    board, texts = sqlite_board, []
    token = board.token()
    write_messages(board)
    for name, case in CASES.items():
        restored(board)
        path, _ = prepared(board, case)
        answer = board.api(method_of(board, name), path, token, case.body)
        assert answer.status == 200, (name, answer.text)
        texts.append(answer.text)
    assert_silent(board, log, texts)


def test_no_form_answers_with_a_message(sqlite_board: Board, log: io.StringIO) -> None:
    board, texts = sqlite_board, []
    board.staff()
    browser = Browser(board)
    write_messages(board)
    for name, case in FORMS.items():
        restored(board)
        path, _ = prepared(board, case, "")
        browser.enter()
        answer = browser.post(path, **case.body)
        assert answer.status in (200, 303), (name, answer.text)
        texts += [answer.text, browser.follow(answer) if answer.status == 303 else ""]
    assert_silent(board, log, texts)


def assert_silent(board: Board, log: io.StringIO, texts: list[str]) -> None:
    """Whatever was answered, logged or written to the ledger has no word of a message."""
    written = json.dumps([dict(act) for act in board.acts()], default=str)
    assert not re.search(f"{SOUGHT}|{CANARY}|{REPORTED}|{NEAR}", " ".join([*texts, written, log.getvalue()]))


LEAKY = """
from bbs_core.plugin import hookimpl

@hookimpl(wrapper=True)
def bbs_command_dm(to, text):
    yield
    raise ValueError(to + text)
"""
VERBS = (
    *("user list", "user online", "ban list", "mute list", "plugin list", "audit list", "audit verify", "staff list"),
    *("token list", "config show", "config check"),
)


def incidents(data: Path, server: BoardProcess) -> list[str]:
    """Return what is told of each incident to who has all rights."""
    bbs = CliRunner()
    add = ("staff", "add", "olga", "--role", "owner", "--password-stdin", "--data", str(data))
    assert bbs.invoke(main, add, input=PASSWORD).exit_code == 0
    create = ("token", "create", "--staff", "olga", "--name", "t", "--scopes", "all", "--data", str(data))
    bearer = {"Authorization": f"Bearer {bbs.invoke(main, create).output.strip()}"}

    def told(path: str) -> str:
        request = Request(f"http://127.0.0.1:{server.admin_port}{path}", headers=bearer)
        return str(urlopen(request).read().decode())

    found = [item["incident"] for item in json.loads(told(f"{API}/incidents"))["items"]]
    return [told(f"{API}/incidents/{number}") for number in found] + [told("/metrics")]


def test_no_line_of_a_server_or_a_command_has_a_message(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "plugins").mkdir(parents=True)
    (data / "plugins" / "leaky.py").write_text(LEAKY)
    with BoardProcess(data, log_level="debug", log_format="json", plugins_quarantine_failures=2) as server:
        with server.client("ann") as ann, server.client("bob") as bob:
            for text in (UNREPORTED, f"another {UNREPORTED}"):
                ann.dm("bob", text)
            assert "failed" in " ".join(ann.list())
            assert UNREPORTED in bob.listdm()
            with closing(sqlite3.connect(data / SQLITE_FILE)) as database:
                database.execute("CREATE TRIGGER t BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'full'); END")
            ann.dm("bob", UNREPORTED)
            assert "not kept" in " ".join(ann.list())
            said = [CliRunner().invoke(main, [*verb.split(), "--data", str(data)]).output for verb in VERBS]
            said += incidents(data, server)
        server.terminate()
        logged = set(re.findall(r'"event": "(\w+)"', server.output))
    assert {"plugin_failed", "plugin_quarantined", "not_kept"} <= logged
    assert "bbs_messages_total 2.0" in said[-1]
    assert sum('"trace"' in answer for answer in said) == 2
    assert not re.search(f"{SOUGHT}|{CANARY}", " ".join([server.output, *said]))
