"""`bbs plugin new` writes a package whose tests pass at once, and that a board finds once it is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bbs_core.cli import main
from bbs_core.host import PluginSet
from bbs_core.platform.discovery import builtins, installed
from bbs_core.plugin_settings import PluginSettings
from tests.platform.test_entry_points import install

NAME = "good_morning"
TIMEOUT_S = 60
# As in an environment that has pytest and few plugins of it.
PYTEST = ("pytest", "-p", "bbs")
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
FILES = {
    *("pyproject.toml", "README.md", ".gitignore", ".github/workflows/tests.yml"),
    *(f"{NAME}.py", f"tests/test_{NAME}.py"),
}
NO_NAMES = {
    "Good-Morning": "'Good-Morning' is no name for a plugin: use small letters, digits and _, and begin with a letter.",
    "class": "'class' is no name for a plugin: use small letters, digits and _, and begin with a letter.",
    "who": "The board has a plugin who already.",
    "json": "There is a module json already: it could not be imported beside that.",
    "click": "There is a module click already: it could not be imported beside that.",
}


def bbs(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plugin", *map(str, arguments)])


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new package, as it is written."""
    folder = tmp_path_factory.mktemp("work")
    made = bbs("new", NAME, "--in", folder)
    assert made.exit_code == 0, made.output
    return folder / NAME


def run(package: Path, *arguments: str, **environment: str) -> str:
    """Run a module within the package; returns what it printed."""
    command = [sys.executable, "-m", *arguments]
    env = {**os.environ, **environment}
    done = subprocess.run(command, cwd=package, env=env, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_has_all_that_a_project_needs(package: Path) -> None:
    assert {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()} >= FILES
    assert not [path for path in package.rglob("*") if path.is_file() and "$name" in path.read_text()]


def test_its_tests_and_examples_pass_with_pytest_and_nothing_beside_it(package: Path) -> None:
    out = run(package, *PYTEST, **ALONE)
    assert "4 passed" in out
    assert re.search(rf"\n{NAME}\.py \.\. ", out)


def test_they_pass_beside_other_plugins_of_pytest_and_however_they_are_imported(package: Path) -> None:
    others = ("-p", "asyncio", "-p", "xdist", "-o", "asyncio_mode=auto", "--numprocesses", "2")
    out = run(package, *PYTEST, *others, "--import-mode=importlib", **ALONE)
    assert "4 passed" in out


def test_its_workflow_runs_what_passes_here(package: Path) -> None:
    steps = re.findall(r"- run: (.*)", (package / ".github/workflows/tests.yml").read_text())
    assert steps == ['pip install --editable ".[test]"', "bbs plugin check .", "pytest"]
    out = run(package, "bbs_core.cli", "plugin", "check", ".")
    assert f"command /{NAME} [name]: Say hello" in out


def test_a_board_finds_it_once_it_is_installed(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, NAME, f"{NAME} = {NAME}", (package / f"{NAME}.py").read_text())
    monkeypatch.syspath_prepend(tmp_path)
    [plugin] = [one for one in installed() if one.name == NAME]
    plugins = PluginSet(PluginSettings(), [*builtins(), plugin])
    assert (plugin.state, plugin.reason, plugin.version) == ("loaded", "", "1.5")
    assert f"/{NAME}" in plugins.commands
    del sys.modules[NAME]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_will_not_do_is_refused(tmp_path: Path, name: str) -> None:
    made = bbs("new", name, "--in", tmp_path)
    assert (made.exit_code, made.stderr) == (2, f"Error: {NO_NAMES[name]}\n")
    assert not [*tmp_path.iterdir()]


def test_what_is_there_is_not_written_over(package: Path) -> None:
    again = bbs("new", NAME, "--in", package.parent)
    assert (again.exit_code, again.stderr) == (2, f"Error: {package} exists already.\n")
