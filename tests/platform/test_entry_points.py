"""Plugins that are installed as packages, found by the entry points that they declare."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from bbs_core.host import PluginSet
from bbs_core.platform.discovery import builtins, installed
from bbs_core.plugin_settings import PluginSettings
from tests.support import ROOT, BoardProcess


class Environment(BoardProcess):
    """A board whose Python finds the packages of a folder too."""

    def __init__(self, data: Path, packages: Path) -> None:
        self._packages = packages
        super().__init__(data)

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(self._packages)])}


def install(packages: Path, name: str, entry_points: str, source: str = "") -> None:
    """Lay out a package as an installer does; its one module bears its name."""
    folder = packages / f"{name}-1.5.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (folder / "entry_points.txt").write_text(f"[bbs.plugins]\n{entry_points}\n")
    (packages / f"{name}.py").write_text(dedent(source))


def test_installed_plugins_work_and_broken_ones_are_named_with_their_package(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    greeter = """
        from bbs_core.plugin import command

        @command("/greet")
        def greet(session):
            return f"Hello, {session.username}."
    """
    install(packages, "board_greeter", "greeter = board_greeter", greeter)
    install(packages, "board_missing", "missing = board_missing:no_such_thing")
    install(packages, "board_raising", "raising = board_raising", "raise RuntimeError('not today')")
    install(packages, "board_twin", "greeter = board_greeter")
    with Environment(tmp_path / "data", packages) as board:
        with board.client("ann") as ann:
            ann.post("/greet")
            assert ann.list() == ["* Hello, ann."]
        assert board.terminate() == 0
        lines = [line for line in board.lines if "plugin_not_loaded" in line]
    for name, origin, why in [
        ("missing", "board_missing 1.5", "no_such_thing"),
        ("raising", "board_raising 1.5", "RuntimeError: not today (board_raising.py:1)"),
        ("greeter", "board_twin 1.5", "Another plugin has the name greeter: board_greeter 1.5."),
    ]:
        [line] = [line for line in lines if f'"{name}"' in line]
        assert origin in line
        assert why in line
    assert len(lines) == 3


def test_a_newer_version_that_is_loaded_bears_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = """
        from bbs_core.plugin import command

        @command("/nod")
        def nod():
            return "one"
    """
    install(tmp_path, "board_nodder", "nodder = board_nodder", source)
    monkeypatch.syspath_prepend(tmp_path)
    before = PluginSet(PluginSettings(), [*builtins(), *installed()])
    folder = (tmp_path / "board_nodder-1.5.dist-info").rename(tmp_path / "board_nodder-1.6.dist-info")
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: board_nodder\nVersion: 1.6\n")
    (tmp_path / "board_nodder.py").write_text(dedent(source).replace('"/nod"', '"/nod-twice"'))
    after = before.changed(PluginSettings(), {"nodder"})
    assert [(made["nodder"].version, "/nod-twice" in made.commands) for made in (before, after)] == [
        ("1.5", False),
        ("1.6", True),
    ]
    for made in (before, after):
        made.close()
    del sys.modules["board_nodder"]
