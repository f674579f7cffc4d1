"""Who may use commands and how often: shown on the plugin's page, set as JSON on that of settings and by the API."""

from __future__ import annotations

import html
import json

from bbs_core.presence import beat
from bbs_core.runtime_settings import read_changes
from tests.console.support import Board, Browser, plugin_status


def test_a_plugins_page_says_who_may_use_its_commands_and_how_often(board: Board, browser: Browser) -> None:
    board.run(lambda connection: beat(connection, "", plugin_status("dice"), alone=True))
    page = browser.get("/plugins/dice").text
    assert 'For <a href="/settings#plugins.groups">teachers</a>, at most 5 times a minute.' in page
    [usage] = board.api("GET", "/api/v1/plugins/dice", board.token()).json["usages"]
    assert (usage["may"], usage["rate"]) == ("teachers", "5 times a minute")


def test_tables_are_set_as_json_and_refused_with_what_is_wrong(board: Board, browser: Browser) -> None:
    groups = {"teachers": ["alice", "10.0.0.0/24"]}
    typed = {"plugins.groups": json.dumps(groups), "plugins.rates": '{"/roll": "5/m"}', "reason": "a class"}
    assert browser.post("/settings", **typed).status == 303
    changes = {"plugins.groups": groups, "plugins.rates": {"/roll": "5/m"}}
    assert board.run(read_changes) == changes
    page = html.unescape(browser.get("/settings").text)
    assert f">\n{json.dumps(groups)}</textarea>" in page
    assert len(board.acts()) == 3
    # What the form shows is what was set, so to save it again changes nothing.
    browser.post("/settings", **typed)
    assert len(board.acts()) == 3
    for wrong, sentence in [
        (
            '{"/roll": "fast"}',
            "plugins.rates: 'fast' is no rate: it is written as 5/m, 1/10s or 20/h",
        ),
        ('{"/roll": 5}', 'plugins.rates must be a table of rates such as {"/roll" = "5/m"}, in JSON with a colon.'),
        ("/roll = 5/m", 'plugins.rates must be a table of rates such as {"/roll" = "5/m"}, in JSON with a colon.'),
        ('{"quit": "5/m"}', "plugins.rates: quit is everyone's (stock clients leave by it)."),
    ]:
        refused = browser.post("/settings", **{"plugins.rates": wrong, "reason": "x"})
        assert refused.status == 422
        assert sentence in html.unescape(refused.text)
        assert f">\n{wrong}</textarea>" in html.unescape(refused.text)
    token = board.token()
    body = {"values": {"plugins.access": {"/roll": "teachers"}, "plugins.rates": None}, "reason": "another class"}
    assert board.api("PATCH", "/api/v1/settings", token, body).status == 200
    assert board.run(read_changes) == {"plugins.groups": groups, "plugins.access": {"/roll": "teachers"}}
