"""A plugin may say for which versions of the platform it is written; that is read before any of it is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.version import Version

from bbs_core.host import PluginSet, found_plugins
from bbs_core.platform.discovery import Plugin
from bbs_core.plugin import API_VERSION
from bbs_core.plugin_settings import PluginSettings
from tests.platform.outside import put
from tests.platform.test_entry_points import install

SOURCE = """
import pathlib

{requires}
pathlib.Path({ran!r}).touch()

from bbs_core.plugin import command

@command("/late")
def late():
    return "late"
"""
SUCH_AS = 'write one such as ">=1.0,<2"'
OTHERS = [
    ('requires_api = ">=2"', "It asks for version >=2 of the plugin platform, and this board has 1.0 ({file}:4)."),
    ('requires_api: str = "<1"', "It asks for version <1 of the plugin platform, and this board has 1.0 ({file}:4)."),
    ('requires_api = "one"', f"Its requires_api names no versions: {SUCH_AS}, not 'one' ({{file}}:4)."),
    ('requires_api = "1.0"', f"Its requires_api names no versions: {SUCH_AS}, not '1.0' ({{file}}:4)."),
    ('requires_api = ">=" + "1"', f"Its requires_api is no plain text: {SUCH_AS} ({{file}}:4)."),
    ("requires_api = 1.0", f"Its requires_api is no plain text: {SUCH_AS} ({{file}}:4)."),
]


def loaded(data: Path) -> Plugin:
    """Return the plugin of the name "late", as a server has tried to load it."""
    return PluginSet(PluginSettings(), found_plugins(data / "plugins", PluginSettings()))["late"]


@pytest.mark.parametrize(("requires", "reason"), OTHERS)
@pytest.mark.parametrize("file", ["late.py", "late/__init__.py"])
def test_a_plugin_for_another_version_is_not_run_and_the_reason_says_both(
    tmp_path: Path, file: str, requires: str, reason: str
) -> None:
    ran = tmp_path / "ran"
    path = put(tmp_path, file, SOURCE.format(requires=requires, ran=str(ran)))
    plugin = loaded(tmp_path)
    assert (plugin.state, plugin.reason) == ("failed", reason.format(file=path.name))
    assert not ran.exists()


@pytest.mark.parametrize("requires", ['requires_api = ">=1.0,<2"', 'requires_api: str = "~=1.0"', ""])
def test_a_plugin_for_this_version_or_without_a_word_is_loaded(tmp_path: Path, requires: str) -> None:
    ran = tmp_path / "ran"
    put(tmp_path, "late.py", SOURCE.format(requires=requires, ran=str(ran)))
    plugin = loaded(tmp_path)
    assert (plugin.state, plugin.reason) == ("loaded", "")
    assert ran.exists()


def test_what_is_no_python_is_said_by_its_import(tmp_path: Path) -> None:
    put(tmp_path, "late.py", 'requires_api = ">=2"\ndef broken(:\n')
    assert loaded(tmp_path).reason == "SyntaxError: invalid syntax (late.py:2)"


def test_an_installed_package_is_read_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    packages = tmp_path / "packages"
    install(packages, "late_package", "late = late_package.deep.entry:late")
    (packages / "late_package.py").unlink()
    for file in ("__init__.py", "deep/__init__.py", "deep/entry.py"):
        path = packages / "late_package" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOURCE.format(requires='requires_api = ">=2"' if "entry" in file else "", ran=str(ran)))
    monkeypatch.syspath_prepend(packages)
    assert loaded(tmp_path).reason.startswith("It asks for version >=2 of the plugin platform")
    assert not ran.exists()
    assert not [name for name in sys.modules if name.startswith("late_package")]


def test_the_version_has_two_numbers() -> None:
    assert len(Version(API_VERSION).release) == 2
