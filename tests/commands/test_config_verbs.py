"""`bbs config show` and `bbs config check`, and how every verb fails: one sentence, exit code 2, no traceback."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bbs_core.settings import FIELDS
from tests import support

TIMEOUT_S = 60


def bbs(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return support.bbs(*words, folder=cwd, **variables)


def test_show_prints_every_setting_and_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text('[server]\nport = 4000\ndatabase = "postgresql://ada:secret@host/board"\n')
    words = ("config", "show", "--config", "board.toml", "--data", "here")
    shown = bbs(*words, cwd=tmp_path, BBS_LIMITS_CONNECTIONS="7")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = {line.partition(" = ")[0]: line for line in shown.stdout.splitlines()}
    assert set(lines) == set(FIELDS)
    for key, value, origin in [
        ("server.port", "4000", "board.toml:2"),
        ("limits.connections", "7", "BBS_LIMITS_CONNECTIONS"),
        ("server.data", '"here"', "command line"),
        ("board.window", "0", "default"),
    ]:
        assert lines[key].startswith(f"{key} = {value} ")
        assert lines[key].endswith(f"# {origin}")
    assert "secret" not in shown.stdout


def test_check_says_that_all_is_in_order(tmp_path: Path) -> None:
    checked = bbs("config", "check", cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("The settings are in order")
    assert list(tmp_path.iterdir()) == []


def test_check_names_line_key_and_suggestion(tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text("[server]\nprot = 4000\n")
    checked = bbs("config", "check", "--config", "board.toml", cwd=tmp_path)
    assert checked.returncode == 2
    assert checked.stderr == "Error: board.toml:2: server.prot is not a setting (did you mean server.port?).\n"


@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--port", "70000"),
        ("serve", "--data", "/proc/nowhere"),
        ("serve", "--database", "mysql://host/board"),
        ("serve", "--host", "203.0.113.1", "--port", "0", "--no-admin"),
        ("serve", "--config", "missing.toml"),
        ("config", "show", "--config", "missing.toml"),
        ("backup", "board.zip", "--data", "nothing"),
        ("restore", "missing.zip"),
        ("token", "create", "--staff", "nobody", "--name", "x", "--scopes", "all"),
    ],
)
def test_a_verb_fails_in_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    failed = bbs(*words, cwd=tmp_path)
    assert failed.returncode == 2, failed.stderr
    assert failed.stdout == ""
    assert failed.stderr.startswith("Error: ")
    assert failed.stderr.count("\n") == 1
