"""Refresh docs/hooks.md: `python -m tests.platform.hooks_page` writes its made parts anew from the code.

A made part stands between two comments and is never edited by hand; the sentences around it are.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bbs_core import hookspecs, plugin

PAGE = Path(__file__).parents[2] / "docs" / "hooks.md"
COUNTS = {True: "The first answer that is not None counts.", False: "All of them are called."}
ON_ERROR = {
    "refuse": 'On an error (`"refuse"`) the call fails, and the user reads so.',
    "skip": 'On an error (`"skip"`) the others are called all the same.',
    "repeat": 'On an error (`"repeat"`) the same comes again later.',
    "pass": 'On an error (`"pass"`) the others decide.',
    "hold": 'On an error (`"hold"`) the post waits for its review.',
}
_part = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Specification = Callable[..., Any]


def specifications() -> dict[str, Specification]:
    """Return the specification of each hook by its name, in the order of the file."""
    return {name: found for name, found in vars(hookspecs).items() if name.startswith("bbs_")}


def signature(function: Callable[..., Any]) -> str:
    """Return the signature as it stands in the file."""
    found = inspect.signature(function)
    return f"({', '.join(map(_parameter, found.parameters.values()))}) -> {found.return_annotation}"


def _parameter(parameter: inspect.Parameter) -> str:
    named = parameter.annotation is not inspect.Parameter.empty
    return f"{parameter.name}: {parameter.annotation}" if named else parameter.name


def prose(part: object) -> str:
    """Return a docstring as one paragraph."""
    return re.sub(r"\s+", " ", inspect.getdoc(part) or "")


def hooks() -> Iterator[str]:
    """Yield the lines about each hook."""
    for name, found in specifications().items():
        options, on_error = vars(found)["bbs_spec"], vars(found)["bbs_on_error"]
        yield f"### {name}\n\n```python\ndef {name}{signature(found)}: ...\n```\n"
        yield f"{prose(found)} {COUNTS[options['firstresult']]} {ON_ERROR[on_error]}\n"


def members(protocol: type) -> Iterator[str]:
    """Yield a table of what a plugin can do with an object."""
    yield "| | |\n|---|---|"
    for name, value in vars(protocol).items():
        if isinstance(value, property):
            yield f"| `{name}` | {prose(value)} |"
        elif inspect.isfunction(value) and not name.startswith("_"):
            call = re.sub(r"^\(self(, )?", "(", signature(value)).removesuffix(" -> None")
            yield f"| `{name}{call}` | {prose(value)} |"


def parts() -> dict[str, Iterator[str]]:
    """Return the made parts of the page by their names."""
    protocols = {"session": plugin.Session, "board": plugin.Board, "mail": plugin.Mail, "server": plugin.Server}
    return {"hooks": hooks()} | {name: members(protocol) for name, protocol in protocols.items()}


def refreshed(page: str) -> str:
    """Return the page with its made parts as they must be."""
    made = {name: "\n".join(lines).strip("\n") for name, lines in parts().items()}
    return _part.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text()))
