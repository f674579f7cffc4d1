"""What stands at the top of the tree, and nothing beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    *("bbs_core", "plugins", "admin", "tests", "config", "docs", ".ci"),
    *("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", ".gitignore"),
}


def test_the_top_level_is_the_given_list() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    assert {file.split("/")[0] for file in files} == TOP_LEVEL
