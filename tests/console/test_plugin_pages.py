"""A plugin's page: how it fares, and what its commands take."""

from __future__ import annotations

from bbs_core.incidents import Incident, keep
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
