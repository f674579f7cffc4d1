"""The reference of the hooks, made from the code: `bbs plugin docs` prints it, and writes it into docs/hooks.md.

On that page a made part stands between two comments and is never edited by hand; the sentences around it are.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bbs_core import hookspecs, plugin, testing

COUNTS = {True: "The first answer that is not None counts.", False: "All of them are called."}
ON_ERROR = {
    "refuse": 'On an error (`"refuse"`) the call fails, and the user reads so.',
    "skip": 'On an error (`"skip"`) the others are called all the same.',
    "repeat": 'On an error (`"repeat"`) the same comes again later.',
    "pass": 'On an error (`"pass"`) the others decide.',
    "report": 'On an error (`"report"`) staff read so, and the others are asked all the same.',
    "hold": 'On an error (`"hold"`) the post waits for its review.',
}
PARTS: Mapping[str, type] = {
    "session": plugin.Session,
    "board": plugin.Board,
    "mail": plugin.Mail,
    "server": plugin.Server,
    "storage": plugin.Storage,
    "schema": plugin.Schema,
    "bbs": testing.Bbs,
    "visitor": testing.Visitor,
    "staff": testing.Staff,
}
TITLES = {
    "hooks": "The hooks",
    "records": "What plugins are told of",
    "session": "What a plugin is given: session",
    "board": "session.board",
    "mail": "session.mail",
    "server": "server",
    "storage": "storage",
    "schema": "What a migration is given: schema",
    "bbs": "What a test is given: bbs",
    "visitor": "bbs.login(name)",
    "staff": "bbs.staff()",
}
STARS: Mapping[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
RECORDS = (plugin.Post, plugin.Message, plugin.Act, plugin.User, plugin.Count)
_part = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Specification = Callable[..., Any]


def specifications() -> dict[str, Specification]:
    """Return the specification of each hook by its name, in the order of the file."""
    return {name: getattr(hookspecs, name) for name in hookspecs.HOOKS}


def signature(function: Callable[..., Any]) -> str:
    """Return the signature as it stands in the file."""
    found = inspect.signature(function)
    return f"({', '.join(_parameters(found))}) -> {found.return_annotation}"


def _parameters(found: inspect.Signature) -> Iterator[str]:
    by_name = False
    for parameter in found.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not by_name:
            by_name = True
            yield "*"
        yield STARS.get(parameter.kind, "") + _parameter(parameter)


def _parameter(parameter: inspect.Parameter) -> str:
    named = parameter.annotation is not inspect.Parameter.empty
    text = f"{parameter.name}: {parameter.annotation}" if named else parameter.name
    default = "..." if parameter.default is ... else repr(parameter.default)
    return text if parameter.default is inspect.Parameter.empty else f"{text} = {default}"


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
            awaited = "await " if inspect.iscoroutinefunction(value) else ""
            yield f"| `{awaited}{name}{call}` | {prose(value)} |"


def records() -> Iterator[str]:
    """Yield a table of what plugins are told of, with its fields."""
    yield "| | | |\n|---|---|---|"
    for record in RECORDS:
        yield f"| `{record.__name__}` | `{', '.join(inspect.signature(record).parameters)}` | {prose(record)} |"


def parts() -> dict[str, Iterator[str]]:
    """Return the made parts of the page by their names."""
    return {"hooks": hooks(), "records": records()} | {name: members(part) for name, part in PARTS.items()}


def reference() -> str:
    """Return all made parts, each under its name."""
    return "\n".join(f"## {TITLES[name]}\n\n{text}\n" for name, text in _made().items())


def refreshed(page: str) -> str:
    """Return the page with its made parts as they must be."""
    made = _made()
    return _part.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}", page)


def _made() -> dict[str, str]:
    return {name: "\n".join(lines).strip("\n") for name, lines in parts().items()}
