"""The README's lines about the console, run word for word in a folder like a clone's."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.terminal import terminal
from tests.support import ROOT, BoardProcess

PASSWORD = "correct horse battery"


@pytest.fixture
def board(clone: Path) -> Iterator[BoardProcess]:
    with BoardProcess(clone / "bbs-data") as process:
        yield process


def console_lines(board: BoardProcess) -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## The console\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [block.replace("127.0.0.1:10380", f"127.0.0.1:{board.admin_port}") for block in blocks]


def output_of(lines: str, folder: Path) -> str:
    environment = {**os.environ, "no_proxy": "127.0.0.1"}
    return subprocess.check_output(["sh", "-ec", lines], cwd=folder, env=environment, text=True, timeout=30)


def test_the_console_lines_in_the_readme_make_staff_and_hide_a_post(clone: Path, board: BoardProcess) -> None:
    make_staff, hide_post, ban_and_undo = console_lines(board)
    with board.client("bob") as bob:
        bob.post("buy now")
        assert bob.list() == ["127.0.0.1 buy now"]
        with terminal(["sh", "-ec", make_staff], clone) as screen:
            screen.read_to("Password: ")
            screen.type(PASSWORD)
            screen.read_to(": ")
            screen.type(PASSWORD)
            assert "owner" in screen.read_all()
        assert '"state":"hidden"' in output_of(hide_post, clone).replace(" ", "")
        assert bob.list() == []
    assert "Act 4 is undone" in output_of(ban_and_undo, clone)
