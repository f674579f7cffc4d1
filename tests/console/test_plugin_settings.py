"""The settings of a plugin in the console: a form from its model, the API, and nowhere a secret."""

from __future__ import annotations

import dataclasses
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core.plugin_settings import PluginSettings
from bbs_core.presence import beat
from bbs_core.settings import Settings
from bbs_core.store.staff_models import Setting
from tests.console.configurable import DICE
from tests.console.support import Answer, Board, Browser, open_board, plugin_status
from tests.console.test_own_process import PASSWORD, PROMISED_S, WAIT_S, bbs, line_with, process
from tests.platform.outside import put
from tests.support import BoardProcess, fresh_postgres_database

API = "/api/v1/plugins/dice"
PAGE = "/plugins/dice"
SECRET = "hunter2-Geheim"
MASK = "*" * 10
DEFAULTS = {
    "sides": 6,
    "odds": 0.5,
    "loud": False,
    "colour": "red",
    "size": 1,
    "greeting": "hello",
    "poem": "one\ntwo",
    "limit": None,
    "words": ["a", "b"],
    "key": "",
    "account": {"name": "ann", "password": ""},
    "extras": {},
}
# What is typed into each kind of field, and what it means.
TYPED: dict[str, tuple[str, Any]] = {
    "sides": ("20", 20),
    "odds": ("0.25", 0.25),
    "loud": ("true", True),
    "colour": ("blue", "blue"),
    "size": ("2", 2),
    "greeting": ("good day", "good day"),
    "poem": ("one\r\ntwo\r\nthree", "one\ntwo\nthree"),
    "limit": ("9", 9),
    "words": ("a\r\n\r\nc d", ["a", "c d"]),
    "key": (SECRET, MASK),
    "account": (f'{{"name": "bob", "password": "{SECRET}"}}', {"name": "bob", "password": MASK}),
    "extras": ('{"deep": [1, null]}', {"deep": [1, None]}),
}


class Form(HTMLParser):
    """What a browser would send of the settings' form, and what stands at its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.labels: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self._name = self._label = self._about = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        name = found.get("name") or ""
        self._label = (found.get("for") or "") if tag == "label" else self._label if tag == "code" else ""
        self._about = (found.get("id") or "") if tag == "div" else ""
        if tag in ("input", "select", "textarea") and (name == "version" or name.startswith("option:")):
            self.attributes[name] = found
            self._name = name
            self._area = name if tag == "textarea" else ""
            self.fields[name] = found.get("value") or ""
        if tag == "option" and self._name and "selected" in found:
            self.fields[self._name] = found.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        self._area = self._label = self._about = ""
        if tag == "select":
            self._name = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            # The line feed that begins a textarea belongs to the markup.
            self.fields[self._area] = data.removeprefix("\n")
        if self._label:
            self.labels[self._label] = self.labels.get(self._label, "") + data
        if self._about:
            self.texts[self._about] = data


def values(board: Board, token: str) -> dict[str, Any]:
    found: dict[str, Any] = board.api("GET", API, token).json["settings"]
    return found


def send(browser: Browser, form: Form, **typed: str) -> Answer:
    changed = {f"option:{name}": text for name, text in typed.items()}
    return browser.post(f"{PAGE}/settings", **{**form.fields, **changed, "reason": "a new game"})


@pytest.fixture(scope="module")
def one_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board that has a plugin with settings."""
    data = tmp_path_factory.mktemp("board")
    with open_board(data, "") as opened:
        opened.run(lambda connection: beat(connection, "", plugin_status("dice"), alone=True))
        opened.staff()
        yield opened


@pytest.fixture
def board(one_board: Board) -> Iterator[Board]:
    """The same board, of whose plugin nobody has set anything yet."""
    yield one_board
    one_board.run(lambda connection: connection.execute(sa.delete(Setting)))


@pytest.fixture(scope="module")
def browser(one_board: Board) -> Browser:
    """The owner's browser."""
    visitor = Browser(one_board)
    visitor.enter()
    return visitor


@pytest.fixture(scope="module")
def token(one_board: Board) -> str:
    """The owner's token."""
    return one_board.token()


def changes(board: Board) -> list[Any]:
    """Return the changes of settings in the ledger."""
    return [act for act in board.acts() if act["action"] == "plugin.settings"]


def test_the_form_has_a_field_for_every_setting_with_what_its_model_says_of_it(board: Board, browser: Browser) -> None:
    before = changes(board)
    form = Form(browser.get(PAGE).text)
    assert form.fields == {
        "version": "0",
        "option:sides": "6",
        "option:odds": "0.5",
        "option:loud": "false",
        "option:colour": "red",
        "option:size": "1",
        "option:greeting": "hello",
        "option:poem": "one\ntwo",
        "option:limit": "",
        "option:words": "a\nb",
        "option:key": "",
        "option:account": '{"name": "ann", "password": ""}',
        "option:extras": "{}",
    }
    assert form.labels["option:sides"].split() == ["Sides", "of", "a", "die", "sides"]
    assert form.texts["about:sides"] == "More are <xpay> <202E> luckier."
    assert form.attributes["option:key"]["type"] == "password"
    assert browser.follow(send(browser, form)).count("Nothing was changed.") == 1
    assert changes(board) == before


@pytest.mark.parametrize("name", TYPED)
def test_what_is_typed_into_a_field_is_that_setting(board: Board, browser: Browser, token: str, name: str) -> None:
    text, value = TYPED[name]
    form = Form(browser.get(PAGE).text)
    page = browser.follow(send(browser, form, **{name: text}))
    assert "The settings are in force." in page
    assert Form(page).fields["version"] == "1"
    found = values(board, token)
    assert (found["values"], found["changed"], found["version"]) == ({**DEFAULTS, name: value}, [name], 1)
    assert browser.follow(send(browser, Form(page))).count("Nothing was changed.") == 1
    taken_back = browser.post(f"{PAGE}/settings", **{f"default:{name}": "on"}, version="1", reason="as before")
    assert "The settings are in force." in browser.follow(taken_back)
    assert values(board, token)["values"] == DEFAULTS
    assert SECRET not in page + str(board.acts())


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("sides", "1", "Input should be greater than or equal to 2."),
        ("sides", "many", "Input should be a valid integer, unable to parse string as an integer."),
        ("colour", "green", "Input should be 'red' or 'blue'."),
        ("extras", "{", "This is not JSON."),
        ("account", json.dumps({"nmae": SECRET}), "nmae: There is no such setting (dice.py:17). Did you mean name?"),
        (
            "account",
            json.dumps({"name": 5, "nmae": SECRET}),
            "name: Input should be a valid string. nmae: There is no such setting (dice.py:17). Did you mean name?",
        ),
    ],
)
def test_a_mistake_is_named_at_its_field_and_nothing_is_changed(
    board: Board, browser: Browser, name: str, text: str, problem: str
) -> None:
    before = changes(board)
    answer = send(browser, Form(browser.get(PAGE).text), **{name: text, "greeting": "good day", "key": SECRET})
    form = Form(answer.text)
    assert answer.status == 422
    assert form.texts[f"problem:{name}"] == problem
    assert form.attributes[f"option:{name}"]["aria-invalid"] == "true"
    assert f"problem:{name}" in str(form.attributes[f"option:{name}"]["aria-describedby"])
    assert form.fields["option:greeting"] == "good day"
    assert form.fields[f"option:{name}"] in (text, "green", '{"name": "ann", "password": ""}', "")
    assert SECRET not in answer.text
    assert changes(board) == before


def test_what_may_be_nothing_is_that_where_nothing_is_typed(board: Board, browser: Browser, token: str) -> None:
    send(browser, Form(browser.get(PAGE).text), limit="9")
    page = browser.follow(send(browser, Form(browser.get(PAGE).text), limit=""))
    assert "The settings are in force." in page
    assert values(board, token)["changed"] == []


def test_a_reason_is_asked_for(board: Board, browser: Browser) -> None:
    before = changes(board)
    answer = browser.post(f"{PAGE}/settings", **{"option:sides": "8", "version": "0", "reason": " "})
    assert (answer.status, "Say why, in a few words" in answer.text) == (422, True)
    assert changes(board) == before


def test_of_two_who_edit_the_second_hears_who_was_first(board: Board, browser: Browser, token: str) -> None:
    form = Form(browser.get(PAGE).text)
    send(browser, form, sides="8")
    answer = send(browser, form, sides="10")
    assert (answer.status, "olga was first" in answer.text) == (409, True)
    refused = board.api("PATCH", f"{API}/settings", token, {"values": {"sides": 10}, "version": 0, "reason": "mine"})
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "olga was first" in refused.json["detail"]
    done = board.api("PATCH", f"{API}/settings", token, {"values": {"sides": 10}, "version": 1, "reason": "mine"})
    assert (done.status, done.json["values"]["sides"], done.json["version"]) == (200, 10, 2)


def test_the_api_changes_what_is_sent_and_leaves_masks_as_they_are(board: Board, token: str) -> None:
    def patch(sent: dict[str, Any]) -> Answer:
        return board.api("PATCH", f"{API}/settings", token, {"values": sent, "reason": "a new game"})

    assert patch({"key": SECRET, "sides": 8}).json["values"] == {**DEFAULTS, "key": MASK, "sides": 8}
    shown = values(board, token)
    assert shown["schema"]["properties"]["sides"]["minimum"] == 2
    assert patch(shown["values"]).status == 409
    assert patch({**shown["values"], "sides": None}).json["changed"] == ["key"]
    assert patch({"sides": "many", "sieds": 1}).json["detail"] == (
        "dice.sides: Input should be a valid integer, unable to parse string as an integer. "
        "dice.sieds: There is no such setting (dice.py:17). Did you mean sides?"
    )
    assert [patch(wrong).status for wrong in ({}, {"sides": 0}, {"extras": {"deep": "x" * 30_000}})] == [422] * 3
    other = board.api("PATCH", "/api/v1/plugins/nothing/settings", token, {"values": {"a": 1}, "reason": "x"})
    assert (other.status, other.json["code"]) == (404, "not_found")
    first, last = [act["id"] for act in changes(board)][-2:]
    assert board.api("POST", f"/api/v1/acts/{last}/undo", token, {"reason": "back"}).status == 200
    assert values(board, token)["values"]["sides"] == 8
    refused = board.api("POST", f"/api/v1/acts/{first}/undo", token, {"reason": "back"})
    assert (refused.status, "does not hold secrets" in refused.json["detail"]) == (422, True)


def test_a_secret_is_on_no_page_and_in_no_file(board: Board, browser: Browser, token: str) -> None:
    send(browser, Form(browser.get(PAGE).text), key=SECRET, account=json.dumps({"password": SECRET}))
    assert values(board, token)["changed"] == ["account", "key"]
    paths = [PAGE, "/plugins", "/audit", "/export/acts.csv", "/export/acts.jsonl", "/"]
    answers = [browser.get(path) for path in paths] + [board.api("GET", path, token) for path in (API, "/api/v1/acts")]
    assert [answer.status for answer in answers] == [200] * len(answers)
    assert not [answer.text for answer in answers if SECRET in answer.text]
    number = changes(board)[-1]["id"]
    assert f'aria-label="Undo act {number}"' not in browser.get("/audit").text
    assert board.api("GET", f"/api/v1/acts/{number}", token).json["undoable"] is False


def test_what_is_wrong_in_the_file_is_told_where_it_can_be_mended(
    board: Board, browser: Browser, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Settings(plugins=PluginSettings(options={"dice": {"sides": 1, "key": SECRET, "kye": SECRET}}))
    context = dataclasses.replace(board.app.extensions["bbs"], start=start)
    monkeypatch.setitem(board.app.extensions, "bbs", context)
    page = browser.get(PAGE).text
    assert Form(page).texts["problem:sides"] == "Input should be greater than or equal to 2."
    assert "dice.kye: There is no such setting (dice.py:17). Did you mean key?" in page
    found = values(board, token)
    assert found["values"] == {"sides": 1, "key": MASK}
    assert "dice.kye: There is no such setting" in found["problem"]
    assert SECRET not in page + json.dumps(found)


def test_who_may_not_change_them_sees_no_form(board: Board) -> None:
    board.staff("ned", "observer")
    visitor = Browser(board)
    visitor.enter("ned")
    page = visitor.get(PAGE)
    assert (page.status, Form(page.text).fields) == (200, {})


@pytest.fixture
def shared(tmp_path: Path, postgres_url: str) -> Iterator[BoardProcess]:
    put(tmp_path, "dice.py", DICE)
    with fresh_postgres_database(postgres_url) as url, BoardProcess(tmp_path, url, admin_enabled=False) as running:
        yield running


def ask(port: int, method: str, path: str, token: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=WAIT_S) as response:
        return json.load(response)


def test_a_console_of_its_own_checks_them_and_the_board_takes_them_over(shared: BoardProcess) -> None:
    bbs(shared, "staff", "add", "olga", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    token = bbs(shared, "token", "create", "--staff", "olga", "--name", "test", "--scopes", "all")
    with process(shared, "-m", "bbs_core.cli", "admin", "--admin-port", "0") as console, shared.client("ann") as ann:
        port = int(line_with(console, r"http://127\.0\.0\.1:(\d+)/")[1])
        assert ask(port, "GET", API, token)["settings"]["values"] == DEFAULTS
        with pytest.raises(urllib.error.HTTPError, match="422"):
            ask(port, "PATCH", f"{API}/settings", token, {"values": {"sides": 1}, "reason": "wrong"})
        ask(port, "PATCH", f"{API}/settings", token, {"values": {"sides": 20}, "reason": "a new game"})
        end, rows = time.monotonic() + PROMISED_S, [""]
        while not re.search("20 sides", rows[-1]):
            assert time.monotonic() < end
            ann.post("/sides")
            rows = ann.list()
