"""Whatever has become of the plugin behind a stock word: `dm` takes two frames, lists are answered, `quit` ends."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bbs_core.config import load
from bbs_core.errors import ConfigError
from bbs_core.plugin import never_blocks
from bbs_core.snapshots import ShelfRows
from tests.platform.outside import STOCK_HOOKS, put, replacement, wrapper
from tests.wire.live import LiveBoard

FAILED = r"The plugin {plugin} failed \(incident [0-9a-f]{{8}}\)\."
LATE = r"The plugin {plugin} did not answer in time \(incident [0-9a-f]{{8}}\)\."
NO_ROWS = r"The plugin behind {word}s? answered something that is not rows\."
NO_ANSWER = r"The plugin behind {word}s? gave no answer\."
SENTENCES = {
    "answers_a_number": NO_ROWS,
    "answers_a_mapping": NO_ROWS,
    "answers_a_generator": NO_ROWS,
    "answers_a_coroutine": NO_ANSWER,
    "answers_mixed_rows": NO_ROWS,
    "answers_a_treacherous_list": NO_ROWS,
    "answers_lone_surrogates": r"half a \? character",
    "answers_a_million_rows": r"The plugin behind {word}s? answered more than 10000 rows\.",
    "answers_nothing": NO_ANSWER,
    "raises": FAILED,
    "raises_a_lone_surrogate": r"half a \? character",
    "leaves_the_process": FAILED,
    "leaves_the_process_async": FAILED,
    "cancels_itself": FAILED,
    "hangs": LATE,
    "waits_for_ever": LATE,
    "ignores_cancellation": LATE,
}
# What these answer, or do not, is in order where the client reads nothing.
SILENT = {"answers_nothing", "answers_a_coroutine"}
SWITCHED_OFF = {
    "post": r"Your post was not kept: posting is switched off\.",
    "dm": r"Your message was not sent: dm is switched off\.",
    "list": r"list is switched off\.",
    "listdm": r"listdms? is switched off\.",
}


def deadline(deed: str) -> dict[str, float]:
    """Wait shortly for what never ends, and long for what does."""
    return {"deadline_s": 0.05 if SENTENCES[deed] == LATE else 20.0}


def conversation(board: LiveBoard) -> list[str]:
    """Let a stock user say every stock word; returns all rows that were read."""
    with board.client("ann") as ann:
        ann.dm("quit", "list")
        ann.dm("dm", "secret")
        ann.post("hello")
        rows = [*ann.list(), *ann.listdm(), *ann.listdm("listdms"), *ann.list()]
        ann.post("quit")
        assert ann.sock.recv(1) == b""
    return rows


def posts(board: LiveBoard) -> list[str]:
    """Return all posts that were kept."""

    async def fetched(rows: ShelfRows) -> list[str]:
        return [row async for row in rows]

    return board.wait(fetched(board.app.board.rows()))


def assert_the_grammar_holds(board: LiveBoard, word: str, sentence: str | None, *, kept: bool | None) -> None:
    """See what a user reads and what is posted; `kept` says whether their one post is, None that it may be."""
    rows = conversation(board)
    assert posts(board) in [["127.0.0.1 hello"]] * (kept is not False) + [[]] * (kept is not True)
    if sentence is not None and word != "quit":
        assert any(re.search(sentence, row) for row in rows), rows
    assert not any("secret" in row or ".py" in row for row in rows)


@pytest.mark.parametrize("word", STOCK_HOOKS)
@pytest.mark.parametrize("deed", SENTENCES)
def test_the_grammar_holds_behind_a_bad_plugin(tmp_path: Path, word: str, deed: str) -> None:
    put(tmp_path, "bad.py", replacement(deed, word))
    silent = deed in SILENT and word in ("post", "dm")
    sentence = None if silent else SENTENCES[deed].format(plugin="bad", word=word)
    with LiveBoard(tmp_path, plugins={"replace": {word: "bad"}, **deadline(deed)}) as board:
        assert board.app.plugins["bad"].state == "loaded"
        assert_the_grammar_holds(board, word, sentence, kept=word != "post")


@pytest.mark.parametrize("word", ["post", "dm", "list"])
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("deed", [deed for deed, sentence in SENTENCES.items() if sentence in (FAILED, LATE)])
def test_the_grammar_holds_inside_a_bad_wrapper(tmp_path: Path, word: str, place: str, deed: str) -> None:
    put(tmp_path, "bad.py", wrapper(deed, word, place))
    # Where the machine is slow, a wrapper may be late before it has begun.
    kept = word != "post" or (None if SENTENCES[deed] == LATE else place == "after")
    with LiveBoard(tmp_path, plugins=deadline(deed)) as board:
        assert board.app.plugins["bad"].state == "loaded", board.app.plugins["bad"].reason
        sentence = SENTENCES[deed].format(plugin="bad", word=word)
        assert_the_grammar_holds(board, word, sentence, kept=kept)


@pytest.mark.parametrize("word", STOCK_HOOKS)
@pytest.mark.parametrize("deed", ["raises", "leaves_the_process", "leaves_the_process_async", "waits_for_ever"])
def test_the_grammar_holds_when_a_built_in_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, deed: str
) -> None:
    hook = f"bbs_command_{word}"
    monkeypatch.setattr(importlib.import_module(f"plugins.{word}"), hook, failing_built_in(deed, word, hook))
    with LiveBoard(tmp_path, plugins={**deadline(deed), "quarantine_failures": 1}) as board:
        assert_the_grammar_holds(board, word, SENTENCES[deed].format(plugin=word, word=word), kept=word != "post")
        assert board.app.plugins[word].state == "loaded"


def failing_built_in(deed: str, word: str, hook: str) -> Callable[..., Any]:
    """Return the hook of a bad replacement as a built-in would have it: on the event loop."""
    names: dict[str, Any] = {}
    exec(compile(replacement(deed, word), f"{deed}.py", "exec", dont_inherit=True), names)
    function: Callable[..., Any] = names[hook]
    return never_blocks(function)


@pytest.mark.parametrize("word", sorted(SWITCHED_OFF))
def test_the_grammar_holds_when_a_built_in_is_disabled(tmp_path: Path, word: str) -> None:
    with LiveBoard(tmp_path, plugins={"disabled": [word]}) as board:
        assert_the_grammar_holds(board, word, SWITCHED_OFF[word], kept=word != "post")


@pytest.mark.parametrize("word", sorted(SWITCHED_OFF))
def test_the_grammar_holds_when_the_replacement_cannot_be_loaded(tmp_path: Path, word: str) -> None:
    put(tmp_path, "bad.py", "import nothing_of_this_name")
    with LiveBoard(tmp_path, plugins={"replace": {word: "bad"}}) as board:
        assert_the_grammar_holds(board, word, SWITCHED_OFF[word], kept=word != "post")


def test_quit_cannot_be_disabled() -> None:
    with pytest.raises(ConfigError, match="quit cannot be disabled"):
        load(environ={"BBS_PLUGINS_DISABLED": "quit"})
