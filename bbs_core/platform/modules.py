"""Modules of plugins from outside: each import has names of its own, so that two versions live side by side."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import sys
from collections.abc import Sequence
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from importlib.metadata import EntryPoint
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PREFIX = "bbs_outside"

_imports = itertools.count(1)


class _Loader(SourceFileLoader):
    """Compiles what stands in the file: a cached version of the same second and size would be taken for it."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


class _Finder:
    """Finds the modules of a plugin that is a package."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how to load a module of a plugin; of other modules nothing is known here."""
        if not fullname.startswith(PREFIX + "_"):
            return None
        for folder in path or ():
            finder = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES), (_Loader, SOURCE_SUFFIXES))
            spec = finder.find_spec(fullname)
            if spec is not None and spec.loader is not None:
                return spec
        return None


sys.meta_path.insert(0, _Finder)


def import_file(source: Path) -> ModuleType:
    """Import a file, or a package by its `__init__.py`, beside what was imported from there before. Raises anything."""
    is_package = source.name == "__init__.py"
    stem = source.parent.name if is_package else source.stem
    # At the top: to import a package's module is to import what stands above it as well.
    name = f"{PREFIX}_{next(_imports)}_{stem}"
    folders = [str(source.parent)] if is_package else None
    loader = _Loader(name, str(source))
    spec = importlib.util.spec_from_file_location(name, source, loader=loader, submodule_search_locations=folders)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        forget(module)
        raise
    return module


def import_anew(point: EntryPoint) -> Any:
    """Import an installed plugin's package once more, with all of its modules. Raises anything."""
    top = point.module.partition(".")[0]
    before = {name: module for name, module in sys.modules.items() if _is_below(name, top)}
    for name in before:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        return point.load()
    except BaseException:
        for name in [name for name in sys.modules if _is_below(name, top)]:
            del sys.modules[name]
        sys.modules.update(before)
        raise


def forget(module: ModuleType | None) -> None:
    """Let go of a file's or package's modules; those of an installed package stay."""
    if module is not None and module.__name__.startswith(PREFIX + "_"):
        for name in [name for name in list(sys.modules) if _is_below(name, module.__name__)]:
            del sys.modules[name]


def _is_below(name: str, top: str) -> bool:
    return name == top or name.startswith(top + ".")
