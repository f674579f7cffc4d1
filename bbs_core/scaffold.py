"""A new package with a plugin: a command, its tests, and what runs them."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template

from bbs_core.errors import PluginError
from bbs_core.platform.discovery import BUILTINS, OPTIONAL
from bbs_core.plugin import API_VERSION
from bbs_core.store.engine import files_as_error

TEMPLATES = Path(__file__).parent / "templates" / "plugin"
# A module, a command's word and a part of a package's name at once.
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "module.py.txt": "{name}.py",
    "test_module.py.txt": "tests/test_{name}.py",
    "README.md.txt": "README.md",
    "ci.yml.txt": ".github/workflows/tests.yml",
    "gitignore.txt": ".gitignore",
}


def write_package(name: str, folder: Path) -> Path:
    """Write a package into a new folder of its name, which is returned. Raises PluginError and StoreError."""
    _check_name(name)
    package = folder / name
    values = {"name": name, "dashed": name.replace("_", "-"), "api": API_VERSION}
    with files_as_error(package):
        if package.exists():
            raise PluginError(f"{package} exists already.")
        for template, file in FILES.items():
            path = package / file.format(name=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template((TEMPLATES / template).read_text()).substitute(values))
    return package


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise PluginError(
            f"{name!r} is no name for a plugin: use small letters, digits and _, and begin with a letter."
        )
    if name in (*BUILTINS, *OPTIONAL):
        raise PluginError(f"The board has a plugin {name} already.")
    if importlib.util.find_spec(name) is not None:
        raise PluginError(f"There is a module {name} already: it could not be imported beside that.")
