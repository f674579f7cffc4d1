"""Plugins from files and packages: what holds is loaded, what does not is named with its reason and place."""

from __future__ import annotations

import json  # noqa: F401 - so that it is there to be hidden
import sys
from pathlib import Path

from bbs_core.host import PluginSet, found_plugins
from bbs_core.plugin_settings import PluginSettings
from tests.platform.outside import put, replacement
from tests.support import BoardProcess
from tests.wire.live import LiveBoard

GOOD = """
    from bbs_core.plugin import command

    @command("/good")
    def good(session):
        "Be good."
        return "good"
"""
COMMAND = """
    from bbs_core.plugin import command

    @command("{word}")
    def answer(session):
        return "answer"
"""


def test_a_plugin_that_fails_is_in_the_log_with_its_reason_and_place(tmp_path: Path) -> None:
    path = put(tmp_path, "bad.py", "import nothing_of_this_name\n")
    with BoardProcess(tmp_path) as board:
        assert board.terminate() == 0
    [line] = [line for line in board.lines if "plugin_not_loaded" in line]
    assert "nothing_of_this_name" in line
    assert "bad.py:1" in line
    assert str(path) in line


def test_a_package_may_have_modules_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, "dice/__init__.py", "from .rolling import roll\n")
    put(tmp_path, "dice/rolling.py", COMMAND.format(word="/roll") + "    from .sides import SIDES\n    roll = answer\n")
    put(tmp_path, "dice/sides.py", "SIDES = 6\n")
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        assert board.app.plugins["dice"].state == "loaded", board.app.plugins["dice"].reason
        ann.post("/roll")
        assert ann.list() == ["* answer"]


def test_what_is_no_plugin_is_passed_over(tmp_path: Path) -> None:
    for file in ("_draft.py", ".hidden.py", "test_dice.py", "notes.txt", "folder/notes.py", "__pycache__/x.py"):
        put(tmp_path, file, "raise ValueError")
    plugins = PluginSet(PluginSettings(), found_plugins(tmp_path / "plugins", PluginSettings()))
    assert {plugin.origin for plugin in plugins.plugins} == {"built-in"}


def test_a_file_and_a_package_of_one_name_cannot_both_be_loaded(tmp_path: Path) -> None:
    put(tmp_path, "dice.py", COMMAND.format(word="/b"))
    package = put(tmp_path, "dice/__init__.py", COMMAND.format(word="/a"))
    plugins = PluginSet(PluginSettings(), found_plugins(tmp_path / "plugins", PluginSettings()))
    states = {plugin.origin: (plugin.state, plugin.reason) for plugin in plugins.plugins if plugin.name == "dice"}
    assert states == {
        str(package.parent): ("loaded", ""),
        str(tmp_path / "plugins" / "dice.py"): ("failed", f"Another plugin has the name dice: {package.parent}."),
    }


def test_a_plugin_may_wrap_a_command_of_one_that_comes_after_it(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a_wrapper.py",
        """
        from bbs_core.plugin import hookimpl

        @hookimpl(wrapper=True)
        def bbs_command_good(session):
            return (yield) + "!"
        """,
    )
    put(tmp_path, "good.py", GOOD)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("/good")
        assert ann.list() == ["* good!"]


def test_a_parameter_with_a_default_is_given_like_any(tmp_path: Path) -> None:
    put(
        tmp_path,
        "echo.py",
        """
        from bbs_core.plugin import command

        @command("/echo")
        def echo(session, text=""):
            return text
        """,
    )
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("/echo hello")
        assert ann.list() == ["* hello"]


def test_what_the_settings_allow_a_plugin_may_take(tmp_path: Path) -> None:
    put(tmp_path, "greeting.py", COMMAND.format(word="hello"))
    put(tmp_path, "mute.py", replacement("answers_nothing", "post"))
    allowed = {"bare_words": ["hello"], "replace": {"post": "mute"}}
    with LiveBoard(tmp_path, plugins=allowed) as board, board.client("ann") as ann:
        ann.post("hello")
        ann.post("hello again")
        ann.post("Hello")
        assert ann.list() == ["* answer", "* Usage: hello"]


def test_a_disabled_plugin_is_not_imported(tmp_path: Path) -> None:
    put(tmp_path, "bad.py", "raise ValueError")
    with LiveBoard(tmp_path, plugins={"disabled": ["bad", "who"]}) as board, board.client("ann") as ann:
        assert board.app.plugins["bad"].state == board.app.plugins["who"].state == "disabled"
        ann.post("/help")
        assert not [row for row in ann.list() if "/who" in row]


def test_a_replacement_that_is_not_there_is_in_the_log(tmp_path: Path) -> None:
    with BoardProcess(tmp_path, plugins_replace="list=nobody") as board:
        assert board.terminate() == 0
    [line] = [line for line in board.lines if "plugins.replace" in line]
    assert "nobody" in line


def test_two_servers_in_one_process_share_nothing(tmp_path: Path) -> None:
    for data in (tmp_path, tmp_path / "other"):
        put(data, "counter/state.py", "calls = []\n")
        put(
            data,
            "counter/__init__.py",
            """
            from bbs_core.plugin import command

            from .state import calls

            @command("/count")
            def count(session):
                calls.append(1)
                return f"{len(calls)} calls"
            """,
        )
    with LiveBoard(tmp_path) as one, LiveBoard(tmp_path / "other") as other:
        assert [count(board) for board in (one, one, other)] == [["* 1 calls"], ["* 2 calls"], ["* 1 calls"]]
        assert one.app.plugins["counter"].module is not other.app.plugins["counter"].module
        assert one.app.plugins.hooks is not other.app.plugins.hooks


def count(board: LiveBoard) -> list[str]:
    with board.client("ann") as ann:
        ann.post("/count")
        return ann.list()


def test_a_plugin_named_as_a_module_of_the_product_or_of_python_hides_neither(tmp_path: Path) -> None:
    names = ("json", "plugins", "bbs_core")
    for name in names:
        put(tmp_path, f"{name}.py", COMMAND.format(word=f"/{name}"))
    before = [sys.modules[name] for name in names]
    plugins = PluginSet(PluginSettings(), found_plugins(tmp_path / "plugins", PluginSettings()))
    assert {plugin.name for plugin in plugins.plugins if plugin.state == "loaded"} >= set(names)
    assert [sys.modules[name] for name in names] == before


def test_a_disabled_plugin_that_does_not_exist_is_named_with_what_may_be_meant(tmp_path: Path) -> None:
    with BoardProcess(tmp_path, plugins_disabled="hlep,who") as board, board.client("ann") as ann:
        [line] = [line for line in board.lines if "plugins.disabled" in line]
        assert "hlep" in line
        assert "Did you mean help?" in line
        ann.post("/help")
        assert any(row.startswith("* /help [word]: List the commands") for row in ann.list())
