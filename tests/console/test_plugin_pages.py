"""A plugin's page: how it fares, and what its commands take."""

from __future__ import annotations

from functools import partial

from admin.pages.plugins import ABOUT
from bbs_core.incidents import Incident, keep
from bbs_core.platform.discovery import OPTIONAL
from bbs_core.presence import beat
from tests.console.support import Board, Browser, plugin_status


def test_a_plugin_has_a_page_with_what_its_commands_take(board: Board, browser: Browser) -> None:
    board.run(lambda connection: beat(connection, "", plugin_status("dice"), alone=True))
    assert 'href="/plugins/dice"' in browser.get("/plugins").text
    page = browser.get("/plugins/dice").text
    assert "<code>/dice [sides]</code>" in page
    assert "<code>/dice 6</code> is answered like <code>[1-6]</code>" in page
    assert browser.get("/plugins/nothing").status == 404
    found = board.api("GET", "/api/v1/plugins/dice", board.token()).json
    assert [(one["usage"], one["schema"]) for one in found["usages"]] == [("/dice [sides]", {})]
    assert [one["examples"] for one in found["usages"]] == [[{"typed": "/dice 6", "like": "[1-6]"}]]


def test_what_a_command_says_of_itself_keeps_its_lines(sqlite_board: Board, owner: Browser) -> None:
    status = plugin_status("dice").replace('"help": "Roll."', r'"help": "Roll.\n\nTwice."')
    sqlite_board.run(lambda connection: beat(connection, "", status, alone=True))
    assert "Roll.\n\nTwice.</p>" in owner.get("/plugins/dice").text


def test_of_what_comes_along_and_is_off_the_page_says_what_it_is_for(sqlite_board: Board, owner: Browser) -> None:
    assert ABOUT.keys() == {*OPTIONAL}
    for builtin in (False, True):
        status = plugin_status("motd", "disabled").replace('"builtin": false', f'"builtin": {builtin}'.lower())
        sqlite_board.run(partial(beat, node="", status=status, alone=True))
        assert (ABOUT["motd"] in owner.get("/plugins").text) is builtin


def test_an_incident_is_found_by_its_number(board: Board, browser: Browser) -> None:
    incident = Incident(
        "0a1b2c3d", 1_796_115_600_000, "dice", "bbs_command_roll", "ann", True, "dice.py, line 3\nTimeoutError"
    )
    board.run(lambda connection: keep(connection, [incident]))
    assert "What went wrong in plugins" in browser.get("/plugins").text
    assert 'href="/incidents/0a1b2c3d"' in browser.get("/incidents").text
    page = browser.follow(browser.get("/incidents?number=0a1b2c3d"))
    assert "dice.py, line 3" in page
    assert "did not answer in time" in page
    token = board.token()
    assert [one["incident"] for one in board.api("GET", "/api/v1/incidents", token).json["items"]] == ["0a1b2c3d"]
    assert board.api("GET", "/api/v1/incidents/0a1b2c3d", token).json["trace"].endswith("TimeoutError")
    assert board.api("GET", "/api/v1/incidents/nothing", token).status == 404
