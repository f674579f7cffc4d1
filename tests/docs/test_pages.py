"""What the docs name exists: files, headings, settings, verbs, targets, metrics, events; their code is well formed."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bbs_core import metrics
from bbs_core.cli import main
from bbs_core.config import OTHER_VARIABLES, VARIABLES
from bbs_core.settings import FIELDS, SECTIONS
from tests.support import ROOT, BoardProcess

PAGES = sorted(page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"[\w./-]+/[\w.-]+\.(?:py|toml|md|service|txt|svg)|\w+\.py")

each_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, *languages: str) -> list[str]:
    return [block for language, block in FENCED.findall(page.read_text(encoding="utf-8")) if language in languages]


def spans(page: Path) -> list[str]:
    return SPAN.findall(prose(page))


def code_lines(page: Path) -> list[str]:
    """Return every piece of code that could be typed at a shell, with continued lines joined."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [*lines, *spans(page)]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_the_pages_that_people_look_for() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} < set(NAMES)
    assert {"docs/protocol.md", "docs/architecture.md", "docs/operating.md", "docs/hooks.md"} < set(NAMES)


@each_page
def test_each_link_within_the_project_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@each_page
def test_each_source_file_that_is_named_exists(page: Path) -> None:
    folders = (ROOT, page.parent, ROOT / "bbs_core", ROOT / "bbs_core" / "store")
    named = [span for span in spans(page) if FILE.fullmatch(span) and not span.startswith("bbs-data/")]
    missing = [name for name in named if not any((folder / name).exists() for folder in folders)]
    assert missing == []


@each_page
def test_each_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [found[1] for line in code_lines(page) if (found := re.match(r"make ([\w-]+)", line))]
    assert set(named) <= targets


@each_page
def test_each_setting_that_is_named_exists(page: Path) -> None:
    dotted = re.compile(rf"(?<![\w.])({'|'.join(SECTIONS)})\.(?!py\b|md\b)([a-z_]+)")
    named = {".".join(found) for span in spans(page) for found in dotted.findall(span)}
    assert named <= set(FIELDS)


@each_page
def test_each_variable_that_is_named_exists(page: Path) -> None:
    named = {span for span in spans(page) if re.fullmatch(r"BBS_[A-Z_]+", span)}
    assert named <= set(VARIABLES) | OTHER_VARIABLES


def invocations(text: str) -> Iterator[list[str]]:
    """Yield what follows `bbs` in a line of code: verbs, options and the rest."""
    for found in re.finditer(r"(?:^|[(/\s])bbs ((?:[^|)&;#]|\$\()+)", text):
        yield shlex.split(found[1])


def unknown_words(words: list[str]) -> list[str]:
    """Return the verb or the options that the command line does not have."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return words[:1]
        command, words = command.commands[words[0]], words[1:]
    return [word for word in words if word.startswith("-") and word not in options(command)]


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts} | {"--help"}


def all_options(command: click.Command) -> set[str]:
    commands = command.commands.values() if isinstance(command, click.Group) else ()
    return options(command).union(*map(all_options, commands))


@each_page
def test_each_verb_and_option_that_is_named_exists(page: Path) -> None:
    assert [words for line in code_lines(page) for call in invocations(line) if (words := unknown_words(call))] == []
    alone = {span for span in spans(page) if re.fullmatch(r"--[a-z-]+", span)}
    assert alone <= all_options(main)


def test_the_service_runs_verbs_and_options_that_exist() -> None:
    unit = (ROOT / "config" / "bbs.service").read_text(encoding="utf-8")
    calls = [call for line in re.findall(r"bin/(bbs .+)", unit) for call in invocations(line)]
    assert {call[0] for call in calls} == {"serve", "staff"}
    assert list(map(unknown_words, calls)) == [[]] * len(calls)


def test_a_wrong_verb_or_option_would_be_seen() -> None:
    assert list(map(unknown_words, invocations("T=$(.venv/bin/bbs token create --name x) && bbs serv"))) == [
        [],
        ["serv"],
    ]
    assert unknown_words(["serve", "--prot", "1"]) == ["--prot"]


@each_page
def test_each_python_block_compiles(page: Path) -> None:
    for block in blocks(page, "python", "py"):
        compile(block, str(page), "exec")


@each_page
def test_each_shell_block_is_well_formed(page: Path) -> None:
    for block in blocks(page, "sh"):
        subprocess.run(["sh", "-n"], input=block, text=True, check=True)


def rendered_metrics() -> set[str]:
    zero = dict.fromkeys(("sessions", "connections", "waiting_rows", "memory_bytes", "commits"), lambda: 0)
    gauges = metrics.Gauges(**zero, writer_failing=lambda: False, plugin_failures=dict, plugin_values=dict)
    text = metrics.render(metrics.new_registry(metrics.Counts(), gauges)).decode()
    return set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


def test_the_table_of_metrics_is_complete() -> None:
    named = {span for span in spans(ROOT / "docs" / "operating.md") if span.startswith("bbs_")}
    assert named == rendered_metrics()


def test_each_log_event_that_is_named_exists() -> None:
    table = prose(ROOT / "docs" / "operating.md").split("| event |", 1)[1].split("\n\n", 1)[0]
    named = {event for line in table.splitlines()[2:] for event in SPAN.findall(line.split("|")[1])}
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bbs_core").rglob("*.py"))
    assert named
    assert {event for event in named if f'("{event}"' not in source} == set()


def test_the_table_of_the_data_folder_is_complete(tmp_path: Path) -> None:
    table = prose(ROOT / "docs" / "operating.md").split("| file |", 1)[1].split("\n\n", 1)[0]
    with BoardProcess(tmp_path / "bbs-data") as board:
        found = {re.sub("-(wal|shm)$", "", path.name) + "/" * path.is_dir() for path in board.data.iterdir()}
    assert len(found) > 3
    assert {name for name in found if f"`{name}`" not in table} == set()
