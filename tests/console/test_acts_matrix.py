"""Every act of the application, from its own map: it writes its rows in the transaction of its effect, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core.ledger import Entry, Ledger
from bbs_core.store.models import Model
from tests.console.api_cases import CASES, FORMS, Case
from tests.console.support import Board, Browser
from tests.console.test_pages import said

API = "/api/v1"
# What is not of an act: the ledger itself, and what any request leaves behind.
WORDS = {"reason", "text", "name"}
LEFT_BEHIND = {"acts", "act_texts", "tokens", "logins"}


class BrokenLedger(Ledger):
    """Fails when it is written to, which is after the effect of almost every act."""

    def write_all(self, connection: sa.Connection, entries: Sequence[Entry]) -> list[int]:
        raise RuntimeError("the ledger is broken")


def contents(board: Board) -> dict[str, list[Any]]:
    """Return all rows of all tables that acts change."""

    def found(connection: sa.Connection) -> dict[str, list[Any]]:
        return {
            table.name: sorted(map(str, connection.execute(sa.select(table)).all()))
            for table in Model.metadata.sorted_tables
            if table.name not in LEFT_BEHIND
        }

    return board.access.read(found)


def prepared(board: Board, case: Case, root: str = API) -> tuple[str, int]:
    """Make what a case needs; returns its path, and how many acts there are."""
    board.visit("ann")
    board.post("one", "two")
    path = root + case.path(board)
    return path, len(board.acts())


def method_of(board: Board, name: str) -> str:
    [rule] = [rule for rule in board.app.url_map.iter_rules() if rule.endpoint == f"api.{name}"]
    [method] = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return method


def test_there_is_a_case_for_every_act_of_the_api(sqlite_board: Board) -> None:
    found = {
        rule.endpoint.removeprefix("api.")
        for rule in sqlite_board.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and "GET" not in (rule.methods or set())
    }
    assert found == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_act_writes_its_rows(board: Board, name: str) -> None:
    case, token = CASES[name], board.token()
    path, before = prepared(board, case)
    answer = board.api(method_of(board, name), path, token, case.body)
    assert answer.status == 200, answer.text
    new = board.acts()[before:]
    assert tuple(act["action"] for act in new) == case.actions
    assert {(act["actor_kind"], act["via"]) for act in new} <= {("staff", "token")}
    if len(new) > 1:
        assert [act["parent_id"] for act in new] == [None, *[new[0]["id"]] * (len(new) - 1)]
    assert board.faults() == []


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.actions])
def test_no_act_has_an_effect_without_its_rows(sqlite_board: Board, name: str) -> None:
    board, case = sqlite_board, CASES[name]
    token = board.token()
    path, before = prepared(board, case)
    stored = contents(board)
    board.break_ledger(BrokenLedger(bytes(32)))
    assert board.api(method_of(board, name), path, token, case.body).status == 500
    assert contents(board) == stored
    assert len(board.acts()) == before


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if WORDS & case.body.keys()])
def test_no_act_is_written_where_there_is_no_reason_or_text(sqlite_board: Board, name: str) -> None:
    board, case = sqlite_board, CASES[name]
    token = board.token()
    path, before = prepared(board, case)
    blank = {key: " " if key in WORDS else value for key, value in case.body.items()}
    stored = contents(board)
    assert board.api(method_of(board, name), path, token, blank).status == 422
    assert contents(board) == stored
    assert len(board.acts()) == before


def test_there_is_a_case_for_every_form_of_the_pages(sqlite_board: Board) -> None:
    found = {
        rule.endpoint.removeprefix("pages.")
        for rule in sqlite_board.app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.") and "GET" not in (rule.methods or set())
    }
    assert found == set(FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_writes_the_rows_of_its_act(board: Board, browser: Browser, name: str) -> None:
    case = FORMS[name]
    path, before = prepared(board, case, "")
    answer = browser.post(path, **case.body)
    assert answer.status in (200, 303), answer.text
    new = board.acts()[before:]
    assert tuple(act["action"] for act in new) == case.actions
    assert {(act["actor_kind"], act["via"]) for act in new} <= {("staff", "console")}
    assert board.faults() == []


@pytest.mark.parametrize("name", [name for name, case in FORMS.items() if case.actions])
def test_no_form_has_an_effect_without_its_rows(sqlite_board: Board, name: str) -> None:
    board, case = sqlite_board, FORMS[name]
    board.staff()
    browser = Browser(board)
    browser.enter()
    path, before = prepared(board, case, "")
    stored = contents(board)
    board.break_ledger(BrokenLedger(bytes(32)))
    assert browser.post(path, **case.body).status == 500
    assert contents(board) == stored
    assert len(board.acts()) == before


@pytest.mark.parametrize("name", [name for name, case in FORMS.items() if case.actions])
def test_an_observer_does_nothing_to_the_board(sqlite_board: Board, name: str) -> None:
    board, case = sqlite_board, FORMS[name]
    board.staff()
    board.staff("ned", "observer")
    browser = Browser(board)
    browser.enter("ned")
    path, before = prepared(board, case, "")
    stored = contents(board)
    answer = browser.post(path, **case.body)
    if path.startswith("/account"):
        assert {act["target_kind"] for act in board.acts()[before:]} <= {"staff", "token"}
    else:
        assert answer.status == 403 or said(browser.follow(answer))
        assert contents(board) == stored
        assert len(board.acts()) == before
