"""The examples of a plugin as tests: each is typed on a board of its own, and its answer compared."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bbs_core.host import PluginSet
from bbs_core.platform.commands import examples_of, written
from bbs_core.platform.discovery import Plugin, builtins
from bbs_core.public.lines import Example
from bbs_core.testing.project import Project

# Who types, and who is on line as well, for a command that needs somebody.
TYPES, OTHER = "alice", "bob"


class PluginFile(pytest.File):
    """The file in which the code of a plugin under test begins."""

    project: Project
    plugin: Plugin

    @classmethod
    def of(cls, project: Project, plugin: Plugin, path: Path, parent: pytest.Collector) -> PluginFile:
        """Return the collector of a plugin's examples."""
        made: PluginFile = cls.from_parent(parent, path=path)
        made.project, made.plugin = project, plugin
        return made

    def collect(self) -> Iterator[ExampleItem]:
        """Yield an item for each example; the plugin is loaded as a server would."""
        settings = self.project.settings({}).plugins
        plugin = self.plugin.again()
        plugins = PluginSet(settings, [*builtins(), plugin])
        plugins.close()
        if plugin.state == "failed":
            raise self.CollectError(f"The plugin {plugin.name} cannot be loaded: {plugin.reason}")
        for one in plugin.functions:
            for example in examples_of(one.function):
                yield ExampleItem.of(self, example, written(one.function).__code__.co_firstlineno)


class ExampleItem(pytest.Item):
    """One example."""

    example: Example
    line: int

    @classmethod
    def of(cls, parent: PluginFile, example: Example, line: int) -> ExampleItem:
        """Return the item of an example of the function in this line."""
        made: ExampleItem = cls.from_parent(parent, name=example.typed)
        made.example, made.line = example, line
        return made

    def runtest(self) -> None:
        """Type it, and compare."""
        assert isinstance(self.parent, PluginFile)
        with self.parent.project.board([self.parent.plugin], {}) as board:
            _, visitor = board.login(OTHER), board.login(TYPES)
            answer = "\n".join(asyncio.run(visitor.send(self.example.typed)))
        if not re.fullmatch(self.example.like, answer):
            raise Unlike(f"{self.example.typed} is to be answered like {self.example.like!r}, and was with {answer!r}.")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *arguments: Any) -> Any:
        """Say what was answered; how the test came to it is of no interest."""
        if isinstance(excinfo.value, Unlike):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *arguments)

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """Return where the command stands."""
        return self.path, self.line - 1, self.name


class Unlike(AssertionError):
    """A command answered otherwise than its example says."""
