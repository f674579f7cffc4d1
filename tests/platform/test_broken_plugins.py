"""A plugin that does not hold is named with its reason and place; the server runs, and the others work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.platform.outside import put
from tests.wire.live import LiveBoard

# Two lines, so that what follows begins in the third.
MARKS = "from bbs_core.plugin import async_wrapper, command, hookimpl\n\n"
COMMAND = MARKS + "@command('/{word}')\ndef answer(session): return '{word}'\n"

# What the file holds, and the reason that an admin reads.
BROKEN: dict[str, tuple[str, str]] = {
    "syntax error": ("x = 1\ndef broken(:\n", r"^SyntaxError: .+ \(bad\.py:2\)$"),
    "missing import": (
        "\nimport nothing_of_this_name\n",
        r"^ModuleNotFoundError: .*nothing_of_this_name.* \(bad\.py:2\)$",
    ),
    "exit": ("import sys\nsys.exit(3)\n", r"^SystemExit: 3 \(bad\.py:2\)$"),
    "generator exit": ("raise GeneratorExit\n", r"^GeneratorExit: .*\(bad\.py:1\)$"),
    "error in a library": ("import json\n\njson.loads('')\n", r"^JSONDecodeError: .+ \(bad\.py:3\)$"),
    "nothing in it": ("x = 1\n", r"^It has no command and no hook: mark a function with @command or @hookimpl\.$"),
    "unknown hook": (
        MARKS + "@hookimpl\ndef bbs_sesion_opened(session): ...\n",
        r"^There is no hook bbs_sesion_opened \(bad\.py:3\)\. Did you mean bbs_session_opened\?$",
    ),
    "unknown command's hook": (
        MARKS + "@hookimpl(wrapper=True)\ndef bbs_command_goood(session): yield\n",
        r"^There is no hook bbs_command_goood \(bad\.py:3\)\. Did you mean bbs_command_good\?$",
    ),
    "wrong parameter": (
        MARKS + "@hookimpl\ndef bbs_session_opened(sesion): ...\n",
        r"^bbs_session_opened has no parameter sesion \(bad\.py:3\): it has session\.$",
    ),
    "parameter without a place": (
        MARKS + "@command('/x')\ndef x(**values): ...\n",
        r"^Words are taken by their place: the parameter values has none \(bad\.py:3\)\.$",
    ),
    "parameter of no word": (
        MARKS + "@command('/x')\ndef x(words: BaseException): ...\n",
        r"^words is of a type that no word can be: say how with Annotated and Convert \(bad\.py:3\)\.$",
    ),
    "parameter behind the rest": (
        MARKS + "@command('/x')\ndef x(text, word: str): ...\n",
        r"^/x: text takes the rest of the line, so nothing can stand behind it \(bad\.py:3\)\.$",
    ),
    "annotation of nothing": (
        MARKS + "@command('/x')\ndef x(words: 'Wrods'): ...\n",
        r"^The annotations of /x cannot be read: name 'Wrods' is not defined \(bad\.py:3\)\.$",
    ),
    "no word": (MARKS + "@command('/Ü')\ndef x(session): ...\n", r"^ValueError: .+ \(bad\.py:3\)$"),
    "clash": (
        MARKS + "@command('/good')\ndef x(session): ...\n",
        r"^The command /good belongs to the plugin a_good already\.$",
    ),
    "clash with a stock word": (
        MARKS + "@command('/dm')\ndef x(session): ...\n",
        r'^The command /dm belongs to the built-in dm: allow it with plugins\.replace = { dm = "bad" }\.$',
    ),
    "clash with itself": (
        MARKS + "@command('/x-y')\ndef x(session): ...\n\n@command('/x_y')\ndef y(session): ...\n",
        r"^It has two functions for bbs_command_x_y\.$",
    ),
    "bare word": (
        MARKS + "@command('hello')\ndef x(session): ...\n",
        r"^It would take the bare word hello: allow it in plugins\.bare_words\.$",
    ),
    "replacement": (
        MARKS + "@hookimpl\ndef bbs_command_post(session, text): ...\n",
        r'^The command post belongs to the built-in post: allow it with plugins\.replace = { post = "bad" }\.$',
    ),
    "wrapper that does not yield": (
        MARKS + "@hookimpl(wrapper=True)\ndef bbs_command_post(session): ...\n",
        r"^bbs_command_post is a wrapper and does not yield \(bad\.py:3\)",
    ),
    "async wrapper that does not yield": (
        MARKS + "@async_wrapper\nasync def bbs_command_post(session): ...\n",
        r"^bbs_command_post bears @async_wrapper and is no async function that yields \(bad\.py:3\)\.$",
    ),
    "wrapper of an old kind": (
        MARKS + "@hookimpl(hookwrapper=True)\ndef bbs_command_post(session): yield\n",
        r"^bbs_command_post is a wrapper of an old kind \(bad\.py:3\): write @hookimpl\(wrapper=True\)\.$",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_it_is_named_and_the_others_work(tmp_path: Path, what: str) -> None:
    source, reason = BROKEN[what]
    path = put(tmp_path, "bad.py", source)
    put(tmp_path, "a_good.py", COMMAND.format(word="good"))
    put(tmp_path, "last.py", COMMAND.format(word="last"))
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        bad = board.app.plugins["bad"]
        assert (bad.state, bad.origin) == ("failed", str(path))
        assert re.search(reason, bad.reason), bad.reason
        for text in ("/good", "/last", "hello"):
            ann.post(text)
        assert ann.list() == ["127.0.0.1 hello", "* good", "* last"]
