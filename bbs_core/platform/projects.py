"""The plugins of a folder that an author works in."""

from __future__ import annotations

import functools
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

from bbs_core.errors import PluginError
from bbs_core.platform.discovery import ENTRY_POINTS, Plugin, source_file
from bbs_core.platform.modules import import_file

PROJECT_FILE = "pyproject.toml"


def plugins_at(path: Path) -> list[Plugin]:
    """Return the plugin of a file or package, or those that a project declares. Raises PluginError."""
    path = path.resolve()
    if (path / PROJECT_FILE).is_file():
        return _declared(path)
    source = source_file(path)
    if source is None:
        raise PluginError(
            f"{path} is no plugin: it is no Python file, no package, and no project with a {PROJECT_FILE}."
        )
    return [Plugin(path.stem, str(path), functools.partial(import_file, source))]


def _declared(project: Path) -> list[Plugin]:
    file = project / PROJECT_FILE
    try:
        about = tomllib.loads(file.read_text()).get("project", {})
    except (OSError, ValueError) as error:
        raise PluginError(f"{file} cannot be read: {error}.") from None
    declared = about.get("entry-points", {}).get(ENTRY_POINTS, {})
    if not declared:
        raise PluginError(f'{file} declares no plugin: it has no [project.entry-points."{ENTRY_POINTS}"].')
    points = [EntryPoint(name, value, ENTRY_POINTS) for name, value in declared.items()]
    return [_entry(project, point, str(about.get("version", ""))) for point in points]


def _entry(project: Path, point: EntryPoint, version: str) -> Plugin:
    """Return a plugin as it would be installed; the project is looked at before what is."""
    origin, top = project, point.module.partition(".")[0]
    for folder in (project, project / "src"):
        if found := [path for path in (folder / top, folder / f"{top}.py") if source_file(path)]:
            origin = found[0]
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
    return Plugin(point.name, str(origin), point.load, version=version, entry=point.value)
