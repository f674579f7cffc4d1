"""The words of commands, and the names of the hooks that they are."""

from __future__ import annotations

import re

# pluggy keeps the marks of each project apart.
PROJECT = "bbs"
STOCK_WORDS = ("post", "dm", "list", "listdm", "quit")
WORD = re.compile(r"/?[a-z][a-z0-9_-]{0,31}")


def hook_name(word: str) -> str:
    """Return the name of the hook that is the command `word`."""
    return "bbs_command_" + word.removeprefix("/").replace("-", "_")
