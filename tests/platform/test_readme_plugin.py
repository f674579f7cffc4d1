"""The plugin in the README is one: dropped into the folder of a board, its command works."""

from __future__ import annotations

import re
from pathlib import Path

from tests.platform.outside import put
from tests.support import ROOT, BoardProcess

LINES = 10


def plugin_of_the_readme() -> str:
    section = (ROOT / "README.md").read_text().split("## A plugin in ten lines\n", 1)[1].split("\n## ", 1)[0]
    [source] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert isinstance(source, str)
    return source


def test_the_plugin_of_the_readme_works_for_a_stock_client(tmp_path: Path) -> None:
    source = plugin_of_the_readme()
    put(tmp_path, "pick.py", source)
    with BoardProcess(tmp_path) as board, board.client("ann") as ann:
        for _ in range(20):
            ann.post("/pick tea or coffee")
        ann.post("/help")
        rows = ann.list()
    assert set(rows[:20]) == {"* I say: tea.", "* I say: coffee."}
    assert "* /pick <choices…>: Choose for you: /pick tea or coffee." in rows
    assert len([line for line in source.splitlines() if line.strip()]) <= LINES
