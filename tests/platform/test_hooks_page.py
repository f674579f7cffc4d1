"""docs/hooks.md has every hook with its exact signature, and its examples are plugins that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bbs_core.plugin_docs import ON_ERROR, prose, refreshed, signature, specifications
from tests.platform.outside import put
from tests.support import ROOT
from tests.wire.live import LiveBoard

PAGE = ROOT / "docs" / "hooks.md"
PAGE_TEXT = PAGE.read_text()
EXAMPLES = [source for source in re.findall(r"```python\n(.*?)```", PAGE_TEXT, re.DOTALL) if "import" in source]


def test_the_page_is_current() -> None:
    assert refreshed(PAGE_TEXT) == PAGE_TEXT, "Run bbs plugin docs --into docs/hooks.md."


@pytest.mark.parametrize("name", specifications())
def test_each_hook_says_what_it_means_and_what_a_failure_means(name: str) -> None:
    found = specifications()[name]
    assert re.fullmatch(r"[A-Z].{20,}\.", prose(found))
    assert vars(found)["bbs_on_error"] in ON_ERROR
    assert f"\ndef {name}{signature(found)}: ...\n" in PAGE_TEXT


def test_a_hook_that_asks_is_a_verb_and_one_that_tells_is_in_the_past_tense() -> None:
    for name, found in specifications().items():
        tells = vars(found)["bbs_on_error"] in ("skip", "repeat")
        assert name.endswith(("ed", "stopping")) is tells, name


def test_the_examples_are_plugins_that_work(tmp_path: Path) -> None:
    for number, source in enumerate(EXAMPLES):
        tables = re.search(r'"plugin_([a-z]+)__', source)
        put(tmp_path, f"{tables[1] if tables else f'example{number}'}.py", source)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        assert [plugin.reason for plugin in board.app.plugins.plugins if plugin.state == "failed"] == []
        for text in (
            "/roll x",
            "/roll 1",
            "/roll",
            '/roll 2 bob "ann lee"',
            "HELLO",
            "/match c.t a cat",
            "/mark ann A",
            "/help",
        ):
            ann.post(text)
        wrong, few, one, two, three, shouted, matched, refused, hello, *_ = ann.list()
    assert wrong == "* Usage: /roll [sides] [names…] (sides: it should be a valid integer)"
    assert few == "* A die has two sides at least."
    names = [re.fullmatch(r"\* (.+) rolls [1-6]\.", row) for row in (one, two, three)]
    assert [name and name[1] for name in names] == ["ann", "bob", "ann lee"]
    assert (shouted, matched, hello) == ("* Please do not shout.", "* It finds cat.", "* Hello, ann.")
    assert refused == "* /mark is for teachers."


def test_the_plugins_that_keep_something_do(tmp_path: Path) -> None:
    for name, mark in (("waves", '@command("/wave")'), ("league", "plugin_league__")):
        [source] = [source for source in EXAMPLES if mark in source]
        put(tmp_path, f"{name}.py", source)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann, board.client("bob") as bob:
        ann.post("/wave")
        ann.post("/win 3")
        ann.list()
        for typed in ("/wave", "/wave", "/win 5", "/win 1"):
            bob.post(typed)
        _, waved, *_, best, second = bob.list()
    assert waved == "* You have waved 2 times. The last were bob, bob, ann."
    assert (best, second) == ("* bob: 6", "* ann: 3")
