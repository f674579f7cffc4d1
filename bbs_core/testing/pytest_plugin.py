"""The pytest plugin: the fixture `bbs`, and the examples of plugins as tests.

pytest loads it in every project that stands beside a board, so it imports the board only where that is asked for.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bbs_core.testing.board import Bbs
    from bbs_core.testing.project import Project

MARKER = "bbs(*plugins, **settings): the plugins of the fixture `bbs`, and sections of its board's settings"
GROUP = "bbs.plugins"
PROJECT_FILE = "pyproject.toml"
_project: pytest.StashKey[Project] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say which plugins are tested."""
    where = "a plugin under test: a file, a package or a project"
    group = parser.getgroup("bbs", "plugins of the bulletin board")
    group.addoption("--bbs-plugin", action="append", type=Path, default=[], metavar="PATH", help=where)
    parser.addini("bbs_plugins", "the plugins under test; else those that pyproject.toml declares", "paths", [])
    parser.addini("bbs_config", "the settings of the boards of tests, as TOML", "string", "")


def pytest_configure(config: pytest.Config) -> None:
    """Have the files of the plugins looked at where pytest chooses what to look at."""
    config.addinivalue_line("markers", MARKER)
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS and _places(config):
        looked_at = [config.rootpath / place for place in config.args]
        sources = project_of(config).sources
        config.args += [str(one) for one in sources if not any(map(one.is_relative_to, looked_at))]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if _project in config.stash:
        config.stash[_project].close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the examples of a plugin under test."""
    if file_path.suffix != ".py" or not _places(parent.config):
        return None
    from bbs_core.testing.examples import PluginFile

    project = project_of(parent.config)
    plugin = project.sources.get(file_path)
    return PluginFile.of(project, plugin, file_path, parent) if plugin else None


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine that takes the fixture; a plugin for coroutines has made a plain function of its own before."""
    if "bbs" not in pyfuncitem.fixturenames or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in arguments}))
    return True


@pytest.fixture
def bbs(request: pytest.FixtureRequest) -> Iterator[Bbs]:
    """A board in this process, with the plugins under test: no sockets, a clock of its own."""
    from bbs_core.testing.project import named

    project, marker = project_of(request.config), request.node.get_closest_marker("bbs")
    plugins, sections = (marker.args, marker.kwargs) if marker else ((), {})
    chosen = [one for plugin in plugins for one in named(plugin, request.path.parent)]
    with project.board(chosen or project.plugins, sections) as board:
        yield board


def project_of(config: pytest.Config) -> Project:
    """Return what this run tests."""
    from bbs_core.testing.project import Project

    if _project not in config.stash:
        file = config.getini("bbs_config")
        config.stash[_project] = Project(_places(config), config.rootpath / file if file else None)
    return config.stash[_project]


def _places(config: pytest.Config) -> list[Path]:
    given: list[Path] = config.getoption("bbs_plugin") or config.getini("bbs_plugins")
    if given:
        return [Path(place).absolute() for place in given]
    file = config.rootpath / PROJECT_FILE
    return [config.rootpath] if file.is_file() and GROUP in file.read_text() else []
