"""What a plugin shows in the console: it says what is to be shown, and the console how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])

TITLE_CHARACTERS = 40


@dataclass(frozen=True)
class Text:
    """A paragraph, with its line feeds; a plain str is one too."""

    text: str


@dataclass(frozen=True)
class Heading:
    """The title of what comes after it."""

    text: str


@dataclass(frozen=True)
class Time:
    """A moment, in milliseconds since 1970 as `now_ms` tells it."""

    at_ms: int


@dataclass(frozen=True)
class Link:
    """A way to a page of the same plugin, given by its function, to one of the console ("/users"), or out of it."""

    text: str
    to: Callable[..., Any] | str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """The fields of an action of the same plugin, and its `button`, which is called as the action unless it says else.

    `values` are what the fields begin with. Those of `fixed` are sent and not shown: with all of them there is the
    button alone.
    """

    action: Callable[..., Any]
    button: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


Cell = str | int | float | None | Time | Link | Form


@dataclass(frozen=True)
class Table:
    """Rows with a cell for each column of the head."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str


@dataclass(frozen=True)
class Facts:
    """A few things by their names."""

    facts: Mapping[str, Cell]


Block = Text | Heading | Table | Facts | Link | Form
Content = str | Block | Sequence[str | Block] | None


class Mark(NamedTuple):
    """What a function of a plugin is to the console: a "page", a "card" or an "action"."""

    kind: str
    title: str
    scope: str
    records: bool = True


def page(title: str, *, scope: str = "stats:read") -> Callable[[_Function], _Function]:
    """Make a function a page of the console, with an entry in its navigation for staff who have that right.

    It may take `query`, what stands in the page's address, and `staff`, the name of who looks.
    Raises ValueError for a title that cannot be shown.
    """
    return _marking(Mark("page", title, scope))


def card(title: str, *, scope: str = "stats:read") -> Callable[[_Function], _Function]:
    """Make a function a card of the dashboard, for staff who have that right; it shows no form.

    Raises ValueError for a title that cannot be shown.
    """
    return _marking(Mark("card", title, scope))


def action(title: str, *, scope: str = "plugins:write", records: bool = True) -> Callable[[_Function], _Function]:
    """Make a function what a `Form` does, for staff who have that right; its parameters are the fields.

    It may take `staff`, the name of who acts. What it answers is shown. That it was called stands in the ledger before
    it is; `records=False` is for what changes nothing. Raises ValueError for a title that cannot be shown.
    """
    return _marking(Mark("action", title, scope, records))


def _marking(mark: Mark) -> Callable[[_Function], _Function]:
    title = mark.title
    if not (isinstance(title, str) and title.strip() and title.isprintable() and len(title) <= TITLE_CHARACTERS):
        raise ValueError(f"{title!r} is no title: write one to {TITLE_CHARACTERS} characters.")

    def marked(function: _Function) -> _Function:
        function.bbs_console = mark  # type: ignore[attr-defined]
        return function

    return marked
