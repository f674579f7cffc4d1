"""`bbs plugin check` loads a plugin as a server would, and says what it adds or what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bbs_core.cli import main
from bbs_core.plugin_docs import specifications
from tests.platform import sample
from tests.platform.outside import put, replacement

BARE = """
    from bbs_core.plugin import command

    @command("hello")
    def hello():
        return "hello"
"""
ADDS = """\
sample, {path}: in order.
  command /count: Count the calls since the import.
  command /greet: Say hello.
  command /poke <whom>: Let somebody know that you are there.
  command /leave: Go, with a word.
  command /fail: Fail.
  hook bbs_screen_connection (sample.py:{bbs_screen_connection})
  hook bbs_screen_post (sample.py:{bbs_screen_post})
  hook bbs_posts_committed (sample.py:{bbs_posts_committed})
  hook bbs_metrics (sample.py:{bbs_metrics})
  timer every 600 s: tell_the_time (sample.py:{tell_the_time})
  verb sum (sample.py:{add})
  page greetings: Greetings (sample.py:{greetings})
  card how-many: How often it counted (sample.py:{how_many})
  action greet-all: Greet everyone (sample.py:{greet_all})
  setting greeting
"""
FAULTS = [
    ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name' (odd.py:1)"),
    ("def broken(:", "SyntaxError: invalid syntax (odd.py:1)"),
    ("raise SystemExit(3)", "SystemExit: 3 (odd.py:1)"),
    ("x = 1", "It has no command and no hook: mark a function with @command or @hookimpl."),
    (replacement("raises", "list"), 'allow it with plugins.replace = { list = "odd" }.'),
    (BARE, "It would take the bare word hello: allow it in plugins.bare_words."),
]


def bbs(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plugin", *map(str, arguments)])


def test_it_says_what_a_plugin_adds() -> None:
    path = Path(sample.__file__)
    done = bbs("check", path)
    hooks = ("bbs_screen_connection", "bbs_screen_post", "bbs_posts_committed", "bbs_metrics")
    names = (*hooks, "tell_the_time", "add", "greetings", "how_many", "greet_all")
    lines = {name: getattr(sample, name).__code__.co_firstlineno for name in names}
    assert done.output == ADDS.format(path=path, **lines)
    assert done.exit_code == 0


@pytest.mark.parametrize(("source", "why"), FAULTS)
def test_it_says_what_is_wrong_and_where(tmp_path: Path, source: str, why: str) -> None:
    path = put(tmp_path, "odd.py", source)
    done = bbs("check", path)
    [line] = done.output.splitlines()
    assert line.startswith(f"odd, {path}: failed: ")
    assert line.endswith(why)
    assert done.exit_code == 1


def test_it_heeds_the_settings_of_the_board(tmp_path: Path) -> None:
    config = tmp_path / "bbs.toml"
    config.write_text('[plugins]\nbare_words = ["hello"]\n')
    done = bbs("check", put(tmp_path, "odd.py", BARE), "--config", config)
    assert "command hello" in done.output
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "is no plugin: it is no Python file, no package, and no project with a pyproject.toml."),
        ({"pyproject.toml": "[project]\n"}, 'declares no plugin: it has no [project.entry-points."bbs.plugins"].'),
        ({"pyproject.toml": "[project\n"}, "pyproject.toml cannot be read: "),
    ],
)
def test_a_folder_without_a_plugin_is_refused(tmp_path: Path, files: dict[str, str], why: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = bbs("check", tmp_path)
    assert why in done.stderr
    assert done.exit_code == 2


def test_the_reference_names_every_hook_and_refreshes_a_page(tmp_path: Path) -> None:
    printed = bbs("docs").output
    assert [name for name in specifications() if f"\n### {name}\n" not in printed] == []
    page = tmp_path / "hooks.md"
    page.write_text("Before.\n\n<!-- made: mail -->\nold\n<!-- end -->\n\nAfter.\n")
    assert bbs("docs", "--into", page).exit_code == 0
    made = page.read_text()
    assert made.startswith("Before.\n\n<!-- made: mail -->\n\n| | |\n")
    assert made.endswith("<!-- end -->\n\nAfter.\n")
    assert "old" not in made
