"""The first owner: whoever has the key of the start line, once, within the hour, while there is nobody else."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from admin import setup_link
from admin.setup_link import GOOD_FOR_S
from bbs_core.passwords import PASSWORD_MINIMUM
from bbs_core.runtime_settings import read_changes
from bbs_core.settings import Settings
from bbs_core.staff import has_staff
from tests.console.support import PASSWORD, SETUP_KEY, Answer, Board, Browser
from tests.support import BoardProcess

LINK = f"/setup?key={SETUP_KEY}"
GOOD = {"name": "olga", "password": PASSWORD, "again": PASSWORD}


def send(browser: Browser, link: str = LINK, **fields: str) -> Answer:
    """Fill the form as a browser would."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(link).text)
    return browser.post_bare(link, csrf_token=found[1] if found else "", **fields)


def test_the_link_makes_one_owner_who_is_signed_in(board: Board) -> None:
    browser, late = Browser(board), Browser(board)
    assert late.get(LINK).status == 200
    answer = send(browser, **GOOD)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert "Welcome, olga." in browser.get("/").text
    assert late.get(LINK).status == late.post(LINK, **{**GOOD, "name": "mallory"}).status == 404
    assert Browser(board).sign_in("olga").status == 303
    assert [(act["action"], act["actor_kind"]) for act in board.acts()] == [("staff.add", "operator")]
    assert board.faults() == []


@pytest.mark.parametrize("query", ["", "?key=", "?key=guess", f"?key={SETUP_KEY}x", "?key=%C3%A9"])
def test_without_the_key_there_is_nothing(board: Board, query: str) -> None:
    browser = Browser(board)
    browser.get("/login")
    assert browser.get(f"/setup{query}").status == 404
    assert browser.post(f"/setup{query}", **GOOD).status == 404
    assert not board.access.read(has_staff)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"again": "another password"}, "The two passwords are not the same."),
        ({"password": "short", "again": "short"}, f"A password has at least {PASSWORD_MINIMUM} characters."),
        ({"name": " "}, "A staff name has 1 to 60 characters."),
    ],
)
def test_a_mistake_is_said_and_the_link_stays_good(board: Board, fields: dict[str, str], problem: str) -> None:
    browser = Browser(board)
    answer = send(browser, **{**GOOD, **fields})
    assert (answer.status, problem in answer.text) == (422, True)
    assert PASSWORD not in answer.text
    assert send(browser, **GOOD).status == 303


def test_the_looks_are_chosen_after_a_preview_of_both(board: Board) -> None:
    browser = Browser(board)
    page = browser.get(LINK).text
    assert "192.0.2.10 Good morning, everyone!" in page
    assert "alice: Good morning, everyone!" in page
    assert "alice: Meet me at the café ☕" in page
    assert send(browser, **GOOD, looks="community").status == 303
    assert board.access.read(read_changes) == {"server.preset": "community"}
    assert [act["action"] for act in board.acts()] == ["staff.add", "setting.change"]


def test_the_looks_that_the_board_was_started_with_are_picked_already(board: Board) -> None:
    start = Settings.model_validate({"server": {"preset": "community"}})
    board.app.extensions["bbs"] = dataclasses.replace(board.app.extensions["bbs"], start=start)
    browser = Browser(board)
    assert re.search(r'value="community" checked', browser.get(LINK).text)
    assert send(browser, **GOOD).status == 303
    assert board.access.read(read_changes) == {}


def test_looks_that_do_not_exist_make_no_owner(board: Board) -> None:
    answer = send(Browser(board), **GOOD, looks="baroque")
    assert (answer.status, "server.preset must be one of" in answer.text) == (422, True)
    assert not board.access.read(has_staff)
    assert board.acts() == []


def test_after_an_hour_the_link_is_good_for_nothing(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(board)
    started_at = board.app.config[setup_link._started_at]
    monkeypatch.setitem(board.app.config, setup_link._started_at, started_at - GOOD_FOR_S - 1)
    answer = browser.get(LINK)
    assert (answer.status, "start the board anew" in answer.text) == (404, True)


def test_a_form_from_elsewhere_is_refused(board: Board) -> None:
    assert Browser(board).post_bare(LINK, **GOOD).status == 400
    assert not board.access.read(has_staff)


def test_a_board_shows_the_link_until_it_has_staff(tmp_path: Path) -> None:
    with BoardProcess(tmp_path) as board:
        [line] = [line for line in board.lines if "setup?key=" in line]
        assert line.startswith("It has no owner yet. To be the one, open http://127.0.0.1:")
        key = line.partition("?key=")[2].split()[0]
        assert len(key) >= 32
        board.terminate()
        board.restart()
        assert key not in board.output
        assert "setup?key=" in board.output
