"""A plugin with a hundred tests, each on a board of its own: what their author waits for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

DICE = """
    import random
    from bbs_core.plugin import command

    @command("/roll")
    def roll(sides: int = 6) -> str:
        return str(random.randint(1, sides))
"""
HUNDRED = """
    import pytest

    @pytest.mark.parametrize("number", range(100))
    async def test_a_roll(bbs, number):
        alice = await bbs.login("alice")
        [rolled] = await alice.send("/roll 6")
        assert rolled in "123456"
        await alice.post("hello")
        assert await alice.list() == ["127.0.0.1 hello"]
"""


def write_tests(folder: Path) -> None:
    """Put the plugin and its tests into a folder."""
    for file, source in (("dice.py", DICE), ("test_hundred.py", HUNDRED)):
        (folder / file).write_text(dedent(source))


def run_tests(folder: Path, *options: str) -> float:
    """Run them as their author does, who has no other plugin of pytest than ours; returns the seconds that it tells."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--bbs-plugin", "dice.py"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "bbs_core.testing.pytest_plugin"}
    done = subprocess.run([*command, *options], cwd=folder, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    [seconds] = re.findall(r" in ([0-9.]+)s", done.stdout)
    return float(seconds)
