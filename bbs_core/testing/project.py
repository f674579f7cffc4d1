"""What a run of pytest tests: which plugins, with which settings, on copies of one empty board."""

from __future__ import annotations

import functools
import gc
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from bbs_core.config import load
from bbs_core.ledger import open_ledger
from bbs_core.platform.discovery import Plugin
from bbs_core.platform.projects import plugins_at
from bbs_core.settings import Settings
from bbs_core.store.engine import database_url, reading_engine, writing_engine
from bbs_core.store.schema import Engines, migrate
from bbs_core.testing.board import Bbs
from bbs_core.testing.running import Running

Sections = Mapping[str, Mapping[str, Any]]

# A folder in memory, where there is one: no test has to wait for a disk.
MEMORY = Path("/dev/shm")


class Project:
    """The plugins at some places; each board has its own, and a database that was copied."""

    def __init__(self, places: Sequence[Path], config: Path | None) -> None:
        self._places = places
        self._config = config
        self._numbers = count(1)
        # Folders whose board is closed, and engines that have served there.
        self._free: list[Path] = []
        self._engines = Engines(functools.cache(writing_engine), functools.cache(reading_engine), _prepared)

    @cached_property
    def plugins(self) -> list[Plugin]:
        """The plugins under test. Raises PluginError."""
        return [plugin for place in self._places for plugin in plugins_at(place)]

    @cached_property
    def sources(self) -> dict[Path, Plugin]:
        """The plugins under test by the files that they begin in. Raises PluginError."""
        return {plugin.source: plugin for plugin in self.plugins if plugin.source is not None}

    @contextmanager
    def board(self, plugins: Iterable[Plugin], sections: Sections) -> Iterator[Bbs]:
        """Yield a board with plugins and, above the settings of the project, those that a test asks for."""
        data = self._free.pop() if self._free else self._empty.with_name(str(next(self._numbers)))
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self._empty, data)
        with Running(plugins, _kept_in(data, self.settings(sections)), self._engines) as board:
            yield Bbs(board)
        self._free.append(data)

    def settings(self, sections: Sections) -> Settings:
        """Return the settings of the project's file, and above them those given. Raises ConfigError."""
        if self._config is None:
            return Settings.model_validate(sections)
        overrides = {f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()}
        return load(self._config, {}, overrides).settings

    def close(self) -> None:
        """Remove what was written."""
        if "_folder" in vars(self):
            self._folder.cleanup()

    @cached_property
    def _folder(self) -> TemporaryDirectory[str]:
        return TemporaryDirectory(prefix="bbs-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)

    @cached_property
    def _empty(self) -> Path:
        """The data folder of a board that nobody has been on."""
        data = Path(self._folder.name) / "empty"
        data.mkdir()
        engine = writing_engine(database_url("", data))
        migrate(engine, data)
        engine.dispose()
        open_ledger(data)
        # All that was imported stays, and is not to be looked at again after each test.
        gc.freeze()
        return data


def _prepared(*_: object) -> None:
    """Leave a copy of the empty board as it is: its schema is there."""


def named(plugin: str | Path | ModuleType, beside: Path) -> list[Plugin]:
    """Return the plugins that a test names, by a module or by a path from its own folder. Raises PluginError."""
    if isinstance(plugin, ModuleType):
        return [Plugin(plugin.__name__.rpartition(".")[2], str(plugin.__file__), lambda: plugin)]
    return plugins_at(beside / plugin)


def _kept_in(data: Path, settings: Settings) -> Settings:
    """Return the settings of a board in this folder, on which nobody is slowed."""
    server = settings.server.model_copy(update={"data": str(data), "database": ""})
    limits = settings.limits.model_copy(update={"posts_per_second": 0.0})
    return settings.model_copy(update={"server": server, "limits": limits})
