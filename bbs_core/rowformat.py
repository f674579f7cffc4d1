"""Row templates such as `{ip} {text}`: literal text and named fields, and nothing else."""

from __future__ import annotations

import re
from difflib import get_close_matches

Template = tuple[tuple[str, str | None], ...]

_token = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")


def parse(template: str, fields: frozenset[str]) -> Template:
    """Return `template` as pairs of literal text and the field that follows it; None after the last literal.

    `{{` and `}}` stand for braces. There are no attributes, conversions or format specs: a template comes from
    a setting, and must reach nothing but the texts it is given. Raises ValueError with one sentence.
    """
    pairs: list[tuple[str, str | None]] = []
    literal = ""
    for token in _token.findall(template):
        if token.startswith("{") and token.endswith("}"):
            pairs.append((literal, _field(token[1:-1], fields)))
            literal = ""
        else:
            literal += _literal(token)
    if not any(field == "text" for _, field in pairs):
        raise ValueError("a row must contain {text}")
    return (*pairs, (literal, None)) if literal else tuple(pairs)


def _field(name: str, fields: frozenset[str]) -> str:
    if name in fields:
        return name
    near = get_close_matches(name, sorted(fields), n=1)
    known = f"did you mean {{{near[0]}}}?" if near else "there are " + ", ".join(f"{{{f}}}" for f in sorted(fields))
    raise ValueError(f"{{{name}}} is not a field ({known})")


def _literal(token: str) -> str:
    if token in ("{", "}"):
        raise ValueError(f"a single {token} has no partner (write {token * 2} for the character itself)")
    return token[0] if token in ("{{", "}}") else token
