"""`@example` is help, documentation and a test at once."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bbs_core.host import PluginSet
from bbs_core.live_settings import status_of
from bbs_core.platform.discovery import files
from bbs_core.plugin import example
from bbs_core.plugin_settings import PluginSettings
from bbs_core.testing.project import Project
from tests.platform.outside import put

DICE = '''
from bbs_core.plugin import Session, User, command, example


@example("/sum 1 2", like="3")
@command("/sum")
@example("/sum", like="0")
@example("/sum one", like=r"Usage: /sum \\[numbers…\\] \\(numbers: .*\\)")
def add(*numbers: int) -> str:
    """Add numbers."""
    return str(sum(numbers))


@command("/spell")
@example("/spell bob", like="b\\no\\nb")
def spell(whom: User) -> list[str]:
    """Spell a name."""
    return [*whom.name]
'''
WRONG = '''
from bbs_core.plugin import command, example


@command("/half")
@example("/half 4", like="[12]")
@example("/half 8", like="4")
@example("/half 30", like="1")
def half(number: int) -> str:
    """Halve a number."""
    return str(number // 2)
'''
FOREIGN = """
    from bbs_core.plugin import command, example

    @example("/roll 6", like="6")
    @command("/rol")
    def roll():
        return "6"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two plugins, of which one does not do what its examples say."""
    data = tmp_path_factory.mktemp("board")
    put(data, "dice.py", DICE)
    put(data, "wrong.py", WRONG)
    return data / "plugins"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module as in an environment that has pytest and nothing beside it."""
    command = [sys.executable, "-m", *arguments]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False, timeout=60)


def test_each_example_is_a_test(folder: Path) -> None:
    done = run(folder, "bbs_core.cli", "plugin", "test", "dice.py", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"dice\.py::(.*?) PASSED", done.stdout) == ["/sum 1 2", "/sum", "/sum one", "/spell bob"]


def test_the_settings_of_a_project_further_up_are_none_of_a_files(folder: Path) -> None:
    (folder.parent / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = ["--strict-config"]\nodd = 1\n')
    done = run(folder, "bbs_core.cli", "plugin", "test", "dice.py")
    (folder.parent / "pyproject.toml").unlink()
    assert (done.returncode, "4 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_an_answer_that_is_not_alike_fails_and_is_shown(folder: Path) -> None:
    done = run(folder, "pytest", "-p", "bbs", "--bbs-plugin", "wrong.py", "wrong.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "/half 30 is to be answered like '1', and was with '15'." in done.stdout
    assert "1 failed, 2 passed" in done.stdout


def test_help_shows_the_examples(folder: Path) -> None:
    project = Project([folder / "dice.py"], None)
    with project.board(project.plugins, {}) as board:
        rows = asyncio.run(board.login("alice").send("/help sum"))
    project.close()
    assert rows == ["/sum [numbers…]", "Add numbers.", "Example: /sum 1 2", "Example: /sum", "Example: /sum one"]


def test_the_console_is_told_of_the_examples(folder: Path) -> None:
    [told] = status_of(PluginSet(PluginSettings(), files(folder)))[:1]
    usages = json.loads(json.dumps(told["usages"]))
    assert [one["examples"] for one in usages] == [
        [{"typed": "/spell bob", "like": "b\no\nb"}],
        [
            {"typed": "/sum 1 2", "like": "3"},
            {"typed": "/sum", "like": "0"},
            {"typed": "/sum one", "like": r"Usage: /sum \[numbers…\] \(numbers: .*\)"},
        ],
    ]


def test_an_example_of_another_command_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "dice.py", FOREIGN)
    [plugin] = PluginSet(PluginSettings(), files(tmp_path / "plugins")).plugins
    assert plugin.reason == "The example '/roll 6' does not begin with /rol (dice.py:4)."


def test_an_example_needs_a_regular_expression() -> None:
    with pytest.raises(ValueError, match=r"'\[1-6' is no regular expression"):
        example("/roll 6", like="[1-6")
