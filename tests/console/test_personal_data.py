"""A user's data leaves through the console, or is erased there, and what each plugin said to it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest
from structlog.testing import capture_logs

from bbs_core.host import FOLDER, PluginSet
from bbs_core.platform.discovery import files
from bbs_core.plugin_settings import PluginSettings
from tests.console.api_cases import user_id
from tests.console.hostile import faults, hostile
from tests.console.support import Board, Browser
from tests.platform.outside import put

API = "/api/v1"
KEEPS = """
from bbs_core.plugin import hookimpl
kept = {"ann": [3, 5]}

@hookimpl
def bbs_export_user(user):
    return {"rolls": kept[user.name]} if user.name in kept else None

@hookimpl
def bbs_forget_user(user):
    return f"{len(kept.pop(user.name))} rolls." if user.name in kept else None
"""
HANGS = """
import asyncio
from bbs_core.plugin import hookimpl

@hookimpl
async def bbs_export_user(user):
    await asyncio.sleep(99)

@hookimpl
async def bbs_forget_user(user):
    await asyncio.sleep(99)
"""
BREAKS = """
from bbs_core.plugin import hookimpl

class Loud:
    def __str__(self):
        raise SystemExit

@hookimpl
def bbs_export_user():
    return {"a": object(), "<b>": float("nan")}

@hookimpl
def bbs_forget_user(user):
    raise ValueError(user.name)
"""
SAYS = """
from bbs_core.plugin import hookimpl, UserError

@hookimpl
def bbs_export_user():
    return {"big": "x" * 2_000_000}

@hookimpl
def bbs_forget_user(user):
    raise UserError(user.name + "<b>")
"""
DEADLINE_S = 1.0


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Traces of what the plugins do wrong are of no interest, and slow to draw."""
    with capture_logs():
        yield


def with_plugins(board: Board, disabled: tuple[str, ...] = (), **sources: str) -> PluginSet:
    """Let the console have these plugins."""
    for name, source in sources.items():
        put(board.data, f"{name}.py", source)
    settings = PluginSettings(deadline_s=DEADLINE_S, disabled=disabled)
    found = [one for one in files(board.data / FOLDER) if one.name in {*sources, *disabled}]
    board.__dict__["plugins"] = plugins = PluginSet(settings, found)
    assert {one.state for one in plugins.plugins} <= {"loaded", "disabled"}
    return plugins


def said(page: str) -> list[tuple[str, str, str]]:
    """Return what a page says that each plugin has said: the outcome, the plugin, the sentence."""
    pattern = r'<span[^>]*>(\w+)</span>\s*<strong>(\w+)</strong> <span class="text">([^<]*)<'
    return [(outcome, plugin, unescape(sentence)) for outcome, plugin, sentence in re.findall(pattern, page)]


def test_an_export_has_what_plugins_gave_and_says_of_each_that_gave_nothing_why(sqlite_board: Board) -> None:
    board = sqlite_board
    token = board.token("export")
    board.visit("ann")
    board.post("one")
    put(board.data, "sleeps.py", KEEPS)
    with_plugins(board, ("sleeps",), keeps=KEEPS, hangs=HANGS, breaks=BREAKS, says=SAYS)
    told = board.api("GET", f"{API}/users/1/export", token).json
    found = {one["plugin"]: (one["outcome"], one["data"]) for one in told["plugins"]}
    failed = dict.fromkeys(("hangs", "breaks", "says"), ("failed", None))
    assert found == {"keeps": ("answered", {"rolls": [3, 5]}), **failed, "sleeps": ("off", None)}
    sentences = {one["plugin"]: one["sentence"] for one in told["plugins"]}
    assert re.fullmatch(r"The plugin hangs did not answer in time \(incident \w+\)\.", sentences["hangs"])
    assert re.fullmatch(r"The plugin breaks failed \(incident \w+\)\.", sentences["breaks"])
    assert sentences["sleeps"] == "It is disabled: what it keeps was not exported."
    assert [one["text"] for one in told["posts"]] == ["one"]
    assert board.api("GET", f"{API}/users/99/export", token).status == 404
    assert board.api("GET", f"{API}/users/1/export", board.token("users:read", "posts:read")).status == 403


def test_nothing_is_erased_while_a_plugin_fails_until_that_is_forced(board: Board, browser: Browser) -> None:
    board.visit("ann")
    board.post("porcupine")
    put(board.data, "sleeps.py", KEEPS)
    with_plugins(board, ("sleeps",), keeps=KEEPS, hangs=HANGS, breaks=BREAKS, says=SAYS)
    page = browser.get("/users/1/erasure").text
    assert re.findall(r"<strong>(\w+)</strong>", page.partition("Plugins that cannot be asked")[2]) == ["sleeps"]
    form = {"confirm": "1", "reason": "she asked for it"}
    page = browser.post("/users/1/erase", **form).text
    first = {plugin: (outcome, sentence) for outcome, plugin, sentence in said(page)}
    failed = dict.fromkeys(("hangs", "breaks", "says"), "failed")
    outcomes = {plugin: outcome for plugin, (outcome, _) in first.items()}
    assert outcomes == {**failed, "keeps": "answered", "sleeps": "off"}
    assert (first["keeps"][1], first["says"][1]) == ("2 rolls.", "ann<b>")
    assert "A plugin failed, so the board has erased nothing yet." in page
    assert user_id(board, "ann") == 1
    page = browser.post("/users/1/erase", **form, force="on").text
    assert "The board has erased the user. It is act 2 in the audit log." in page
    assert ("nothing", "keeps", "It kept nothing of this user.") in said(page)
    assert "Ask again" in page
    assert [act["action"] for act in board.acts()] == ["user.erase", "user.erase"]
    noted = json.loads(board.acts()[-1]["after"])["plugins"]
    assert noted == {**failed, "keeps": "nothing", "sleeps": "off"}
    shown = browser.get("/users/1").text + browser.get("/posts?user_id=1").text
    assert "erased-1" in shown
    assert not re.search("porcupine|ann<|192.0.2.7", shown)
    assert "This user was erased." in browser.get("/users/1/erasure").text
    assert board.faults() == []


def test_who_mistypes_the_number_erases_nobody(sqlite_board: Board, owner: Browser) -> None:
    sqlite_board.visit("ann")
    for typed in ({}, {"confirm": "2"}, {"confirm": "ann"}):
        page = owner.post("/users/1/erase", reason="they asked", **typed)
        assert (page.status, "Type the number 1, so that nobody else is erased." in page.text) == (422, True)
        assert 'value="they asked"' in page.text
    assert owner.post("/users/9/erase", confirm="9", reason="they asked").status == 404
    assert user_id(sqlite_board, "ann") == 1
    assert sqlite_board.acts() == []


def test_the_api_says_too_what_came_of_it(sqlite_board: Board) -> None:
    board = sqlite_board
    board.visit("ann")
    with_plugins(board, keeps=KEEPS, breaks=BREAKS)
    token, path = board.token("users:erase"), f"{API}/users/1/erase"
    first = board.api("POST", path, token, {"reason": "ann asked"}).json
    assert (first["erased"], first["act_id"]) == (False, len(board.acts()))
    assert {one["plugin"]: one["outcome"] for one in first["plugins"]} == {"keeps": "answered", "breaks": "failed"}
    assert board.api("POST", path, token, {"reason": "ann asked", "force": True}).json["erased"] is True
    assert board.api("POST", path, board.token("users:moderate", "posts:purge"), {"reason": "x"}).status == 403
    reader = board.token("users:read", "acts:read")
    assert board.api("GET", f"{API}/users/1", reader).json["erased"] is True
    assert "ann" not in board.api("GET", f"{API}/acts?action=user.erase", reader).text


def test_a_hostile_user_and_a_hostile_plugin_make_no_page(sqlite_board: Board, owner: Browser) -> None:
    board = sqlite_board
    name = hostile("user name")
    board.visit(name)
    with_plugins(board, says=SAYS)
    page = owner.post("/users/1/erase", confirm="1", reason=hostile("reason")[:400])
    assert "[user name]" in page.text
    assert faults(page, "/users/1/erase") == []
    assert faults(owner.get("/users/1/erasure"), "/users/1/erasure") == []
    file = owner.get("/users/1/export")
    assert file.headers["Content-Disposition"] == 'attachment; filename="user-1.json"'
    assert file.json["user"]["name"] == name.replace("\0", "\u2400")
    assert owner.post("/users/1/erase", confirm="1", reason=f"{name[:9]} asked", force="on").status == 200
    assert "[user name]" not in owner.get("/users/1").text + owner.get("/audit").text


@pytest.mark.parametrize("role", ["moderator", "observer"])
def test_only_admins_and_owners_export_and_erase(sqlite_board: Board, owner: Browser, role: str) -> None:
    sqlite_board.visit("ann")
    sqlite_board.staff("ned", role)
    assert {"/users/1/export", "/users/1/erasure"} <= links(owner)
    browser = Browser(sqlite_board)
    browser.enter("ned")
    assert not {"/users/1/export", "/users/1/erasure"} & links(browser)
    ask: list[Callable[[], int]] = [
        lambda: browser.get("/users/1/export").status,
        lambda: browser.get("/users/1/erasure").status,
        lambda: browser.post("/users/1/erase", confirm="1", reason="because").status,
    ]
    assert [one() for one in ask] == [403] * 3


def links(browser: Browser) -> set[str]:
    return set(re.findall(r'href="([^"]+)"', browser.get("/users/1").text))
