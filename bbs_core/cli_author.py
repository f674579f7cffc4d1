"""The verbs for those who write plugins."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bbs_core import logs
from bbs_core.cli_options import config_option, say
from bbs_core.cli_plugin import plugin
from bbs_core.config import load
from bbs_core.errors import PluginError
from bbs_core.groups import EVERYONE

if TYPE_CHECKING:
    from bbs_core.host import PluginSet
    from bbs_core.platform.discovery import Plugin
    from bbs_core.plugin import CommandInfo

__all__ = ["plugin"]
FAULTY_EXIT_CODE = 1
A_PLACE = click.Path(exists=True, path_type=Path)


@plugin.command("new")
@click.argument("name")
@click.option("--in", "folder", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where to put it.")
def new(name: str, folder: Path) -> None:
    """Write a package with a plugin NAME, its tests, and what runs them."""
    from bbs_core.scaffold import write_package

    package = write_package(name, folder)
    say(f"{package} is made. Try it: bbs plugin test {package}")


@plugin.command("check")
@click.argument("path", type=A_PLACE)
@config_option
@click.pass_context
def check(context: click.Context, path: Path, config: Path | None) -> None:
    """Load the plugin at PATH as a server would, and say what it adds; exit code 1 where it cannot be loaded.

    PATH is a file, a package, or a project whose pyproject.toml declares plugins.
    """
    from bbs_core.host import PluginSet
    from bbs_core.platform.discovery import builtins
    from bbs_core.platform.projects import plugins_at
    from bbs_core.platform.storages import trying

    settings = load(config).settings.plugins
    # What goes wrong is said below.
    logs.configure("error", "text", io.StringIO())
    found = plugins_at(path)
    with trying() as migrate:
        plugins = PluginSet(settings, [*builtins(), *found], migrate=migrate)
    for one in found:
        for line in _told(one, plugins):
            say(line)
    plugins.close()
    if any(one.state != "loaded" for one in found):
        context.exit(FAULTY_EXIT_CODE)


@plugin.command("test", context_settings={"ignore_unknown_options": True})
@click.argument("path", type=A_PLACE, default=".")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGUMENTS]...")
@click.pass_context
def test(context: click.Context, path: Path, arguments: tuple[str, ...]) -> None:
    """Run the tests and the examples of the plugin at PATH with pytest."""
    if importlib.util.find_spec("pytest") is None:
        raise PluginError("The tests of plugins need pytest: install it beside the board.")
    from bbs_core.platform.projects import PROJECT_FILE

    path, options = path.resolve(), ["-p", "bbs"]
    folder = path
    if not (path / PROJECT_FILE).is_file():
        folder, beside = path.parent, sorted(path.parent.glob(f"test_{path.stem}.py"))
        options += ["--bbs-plugin", str(path), *map(str, (path, *beside))]
        # What stands further up is of another project, such as the board's own clone.
        options += [] if (folder / "pytest.ini").is_file() else ["-c", os.devnull, "--rootdir", str(folder)]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    context.exit(subprocess.run(command, cwd=folder, check=False).returncode)


@plugin.command("docs")
@click.option("--into", type=click.Path(exists=True, path_type=Path, dir_okay=False), help="Refresh its made parts.")
def docs(into: Path | None) -> None:
    """Print every hook, and what a plugin is given."""
    from bbs_core.plugin_docs import reference, refreshed

    if into is None:
        click.echo(reference())
    else:
        into.write_text(refreshed(into.read_text()))


def _told(one: Plugin, plugins: PluginSet) -> Iterator[str]:
    """Yield what is to be said of a plugin that was to be loaded."""
    if one.state != "loaded":
        yield f"{one.name}, {one.origin}: {one.state}: {one.reason}"
        return
    from bbs_core.platform.commands import place

    yield f"{one.name}, {one.origin}: in order."
    for info in plugins.commands.values():
        if info.plugin == one.name:
            yield from _command(info)
    yield from (f"  hook {marked.hook} ({place(marked.function)})" for marked in one.functions if not marked.word)
    for pause_s, function in one.timers:
        yield f"  timer every {pause_s:g} s: {function.__name__} ({place(function)})"
    yield from (f"  verb {verb} ({place(function)})" for verb, function in one.verbs.items())
    yield from (f"  migration {migration.number} ({migration.place})" for migration in one.migrations)
    yield from (f"  {part.kind} {part.name}: {part.title} ({place(part.function)})" for part in one.extension)
    if one.configured is not None:
        yield from (f"  setting {name}" for name in one.configured.options.model.model_fields)


def _command(info: CommandInfo) -> Iterator[str]:
    yield f"  command {info.usage}: {info.summary}"
    if info.may != EVERYONE or info.rate:
        yield f"    for {info.may}{info.rate and f', at most {info.rate}'}"
    yield from (f"    example {example.typed}" for example in info.examples)
