"""Plugins as their authors deliver them: files that are put into the data folder of a board."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

HOSTILE = Path(__file__).parents[1] / "hostile_plugins"
STOCK_HOOKS = {
    "post": "session, text",
    "dm": "session, to, text",
    "list": "session",
    "listdm": "session",
    "quit": "session",
}


def put(data: Path, file: str, source: str) -> Path:
    """Write a plugin's file, such as "dice.py" or "dice/__init__.py"; returns its path."""
    path = data / "plugins" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(source))
    return path


def replacement(deed: str, word: str) -> str:
    """Return a plugin that stands in the place of a stock word, and does what a file in tests/hostile_plugins does."""
    source = (HOSTILE / f"{deed}.py").read_text()
    is_async = "async def misbehave" in source
    head = f"{'async ' if is_async else ''}def bbs_command_{word}({STOCK_HOOKS[word]}):"
    body = f"return {'await ' if is_async else ''}misbehave()"
    return f"{source}\n\nfrom bbs_core.plugin import hookimpl\n\n@hookimpl\n{head}\n    {body}\n"


def wrapper(deed: str, word: str, place: str) -> str:
    """Return a plugin that wraps a stock word, and misbehaves "before" what it wraps or "after" it."""
    source = (HOSTILE / f"{deed}.py").read_text()
    is_async = "async def misbehave" in source
    mark, start, call = ("async_wrapper", "async ", "await ") if is_async else ("hookimpl(wrapper=True)", "", "")
    end = "yield answer" if is_async else "return answer"
    lines = [f"{call}misbehave()", "answer = yield"]
    body = "\n    ".join([*(lines if place == "before" else reversed(lines)), end])
    head = f"@{mark}\n{start}def bbs_command_{word}({STOCK_HOOKS[word]}):"
    return f"{source}\n\nfrom bbs_core.plugin import async_wrapper, hookimpl\n\n{head}\n    {body}\n"


def deed_command(deed: str) -> str:
    """Return a plugin whose command, such as /raises, does what a file in tests/hostile_plugins does."""
    source = (HOSTILE / f"{deed}.py").read_text()
    start, call = ("async ", "await ") if "async def misbehave" in source else ("", "")
    head = f"@command({command_word(deed)!r})\n{start}def command_of_the_deed():"
    return f"{source}\n\nfrom bbs_core.plugin import command\n\n{head}\n    return {call}misbehave()\n"


def command_word(deed: str) -> str:
    return "/" + deed.replace("_", "-")


def put_hostile(data: Path) -> list[str]:
    """Put all of tests/hostile_plugins into a board's folder; returns the deeds, which have got a command."""
    sources = {path.stem: path.read_text() for path in sorted(HOSTILE.glob("*.py"))}
    deeds = [name for name, source in sources.items() if "def misbehave()" in source]
    for name, source in sources.items():
        put(data, f"{name}.py", deed_command(name) if name in deeds else source)
    return deeds
