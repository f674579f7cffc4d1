"""Every fenced block of the docs is run by a test: by one here, by another that is named, or it is said why by none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from bbs_core.config import load
from tests.docs.fences import BLOCKS, Block, block
from tests.support import ROOT, BoardProcess

HOOKS, OPERATING = "docs/hooks.md", "docs/operating.md"
HERE = "tests/docs/test_blocks.py"
TIMEOUT_S = 60
# A page, the language and some words of blocks, and the test that runs those.
RUN_BY = {
    ("README.md", "text \\w+", "Message: "): "tests/docs/test_transcript.py",
    ("README.md", "python", r"@command\(\"/pick\"\)"): "tests/platform/test_readme_plugin.py",
    ("README.md", "sh", r"\.venv/bin/bbs (staff|ban|token) "): "tests/docs/test_console_lines.py",
    (HOOKS, "python", r"^(import|from) "): "tests/platform/test_hooks_page.py",
    (HOOKS, "python", r"^def bbs_\w+\(.*\.\.\.\n$"): "tests/platform/test_hooks_page.py",
    (HOOKS, "python", "test_a_birthday_is_added"): "tests/platform/test_extension.py",
    (HOOKS, "python", "test_a_roll_shows_for_others_too|pytest.mark.bbs|^requires_api = "): HERE,
    (HOOKS, "sh", "bbs plugin new dice"): HERE,
    (OPERATING, "sh", "bbs (backup|restore) "): HERE,
    (OPERATING, "sh", "bbs (user export|plugin reload) "): HERE,
    (OPERATING, "toml", ""): HERE,
    (OPERATING, "python|json", "BBS-Signature|post-17"): "tests/builtin/test_webhook.py",
    (OPERATING, "", "bbs plugin explain"): "tests/commands/test_explain.py",
    ("docs/rest.md", "json", "board.window"): "tests/console/test_rest.py",
    ("docs/tutorial/.*", ".*", ""): "tests/docs/test_tutorial.py",
}
# Blocks that cannot be run here, and why.
RUN_BY_NONE = {
    ("README.md", "sh", "^make run"): "it installs pins from an index of packages, and serves until it is stopped",
    ("CONTRIBUTING.md", "sh", "^make test"): "it is what runs this, and the checks of tests/house",
    (OPERATING, "sh", "^git pull"): "it fetches from another machine; tests/faults/test_upgrades.py upgrades boards",
    (OPERATING, "sh", "^bbs serve --no-admin"): "they run on; tests/console/test_own_process.py starts the same two",
}
ROLL = '@command("/roll")'
SHOUT = """
    from bbs_core.plugin import command

    @command("shout")
    def shout():
        return "HO"
"""


def claims(one: Block) -> list[str]:
    """Return what is said of a block."""
    found = []
    for (page, language, words), claim in {**RUN_BY, **RUN_BY_NONE}.items():
        if re.fullmatch(page, one.page) and re.fullmatch(language, one.language) and re.search(words, one.text):
            found.append(claim)
    return found


@pytest.mark.parametrize("one", BLOCKS, ids=[one.place for one in BLOCKS])
def test_one_test_runs_it(one: Block) -> None:
    assert len(claims(one)) == 1, f"Run this block in a test, and name that in {HERE}."


def test_what_is_claimed_is_there() -> None:
    assert {one for one in RUN_BY.values() if not (ROOT / one).is_file()} == set()
    used = {claim for one in BLOCKS for claim in claims(one)}
    assert used == {*RUN_BY.values(), *RUN_BY_NONE.values()}


@pytest.mark.parametrize("one", [one for one in BLOCKS if one.language == "toml"], ids=lambda one: one.place)
def test_settings_are_good_ones(one: Block, tmp_path: Path) -> None:
    file = tmp_path / "bbs.toml"
    file.write_text(one.text)
    load(file, {}, {})


def typed(lines: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", "-ec", lines], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_lines_for_operators_work(clone: Path) -> None:
    plugins = clone / "bbs-data" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "dice.py").write_text(block(HOOKS, ROLL))
    with BoardProcess(clone / "bbs-data") as board, board.client("ann") as ann:
        ann.post("hello")
        assert ann.list() == ["127.0.0.1 hello"]
        assert "dice is loaded afresh" in typed(block(OPERATING, "bbs plugin reload"), clone)
        typed(block(OPERATING, "bbs backup"), clone)
        typed(block(OPERATING, "bbs user export"), clone)
        assert "hello" in (clone / "ann.json").read_text()
    elsewhere = clone / "elsewhere"
    elsewhere.mkdir()
    (clone / "board.zip").rename(elsewhere / "board.zip")
    typed(block(OPERATING, "bbs restore"), elsewhere)
    with BoardProcess(elsewhere / "bbs-data") as board, board.client("bob") as bob:
        assert bob.list() == ["127.0.0.1 hello"]


def test_the_lines_for_authors_write_a_package_that_is_in_order(clone: Path) -> None:
    assert "passed" in typed(block(HOOKS, "bbs plugin new dice"), clone)


def test_the_tests_that_authors_are_shown_pass(tmp_path: Path) -> None:
    head = "from __future__ import annotations\nimport pytest\n\n"
    tests = [block(HOOKS, "test_a_roll_shows_for_others_too"), block(HOOKS, "pytest.mark.bbs")]
    (tmp_path / "test_shown.py").write_text("\n\n".join([head, *tests]))
    (tmp_path / "shout.py").write_text(dedent(SHOUT))
    (tmp_path / "roll.py").write_text(block(HOOKS, "requires_api = ") + block(HOOKS, ROLL))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--bbs-plugin", "roll.py"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "bbs_core.testing.pytest_plugin"}
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
