"""What a plugin answers for the console, checked: plain texts and numbers, bounded, and none of the plugin's code.

Whatever is of the plugin's own making is refused and never asked, so that no page can hang or raise when it is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from bbs_core.errors import PluginError
from bbs_core.platform.extension import Extension, Part
from bbs_core.platform.forms import spell
from bbs_core.public import console
from bbs_core.public.fields import Field
from bbs_core.rows import encodable

BLOCKS_LIMIT = 100
COLUMNS_LIMIT = 20
# Of all tables of an answer together: a browser and a phone have to bear it.
CELLS_LIMIT = 5_000
FORMS_LIMIT = 200
CHARACTERS_LIMIT = 200_000
VALUES_LIMIT = 500
LARGEST_DECIMAL = 1e15
DEEPEST = 5
ROWS_LIMIT = 2_000
LARGEST_MS = 253_402_300_799_999  # the last day of the year 9999
# A path of the console and of no other site: nothing that a browser takes for a host.
LOCAL = re.compile(r"/(?![/\\])[^\s\\]*")


class Shown(NamedTuple):
    """A block or a cell as templates see it."""

    kind: str
    value: Any


class TableShown(NamedTuple):
    """A table; `numeric` says which columns have numbers alone."""

    head: list[str]
    rows: list[list[Shown]]
    caption: str
    numeric: list[bool]


class LinkShown(NamedTuple):
    """A link: to a `page` of the plugin with a query that is encoded, or else to an address."""

    text: str
    page: str
    address: str


class FormShown(NamedTuple):
    """A form; `number` is its place on the page, and `fixed` are fields that are not shown."""

    number: int
    action: Part
    button: str
    fields: list[Field]
    fixed: list[Field]


class Reader:
    """Read one answer of a plugin. Each method raises PluginError for what is no content."""

    def __init__(self, extension: Extension, forms: bool) -> None:
        self._extension = extension
        self._forms_left = FORMS_LIMIT if forms else 0
        self._with_forms = forms
        self._cells_left = CELLS_LIMIT
        self._characters_left = CHARACTERS_LIMIT

    def blocks(self, parts: list[Any]) -> list[Shown]:
        """Return the blocks that the parts of an answer are."""
        return [self._block(one) for one in parts]

    def _block(self, block: Any) -> Shown:
        if issubclass(type(block), str):
            return Shown("text", self._text(block))
        read = _reading(_BLOCKS, type(block))
        if read is None:
            raise _refusal(block, "what a page is made of")
        return read(self, block)

    def _cell(self, cell: Any) -> Shown:
        self._cells_left -= 1
        if self._cells_left < 0:
            raise PluginError(f"An answer has at most {CELLS_LIMIT:,} cells.")
        kind = type(cell)
        if cell is None:
            return Shown("text", "")
        if kind is bool:
            return Shown("text", "yes" if cell else "no")
        if issubclass(kind, int):
            return Shown("number", self._text(f"{int.__index__(cell):,}" if _is_small(cell) else "a very large number"))
        if issubclass(kind, float):
            return Shown("number", self._text(_decimal(float.__float__(cell))))
        if issubclass(kind, str):
            return Shown("text", self._text(cell))
        read = _reading(_CELLS, kind)
        if read is None:
            raise _refusal(cell, "what a cell can hold")
        return read(self, cell)

    def _text(self, text: Any) -> str:
        if not issubclass(type(text), str):
            raise _refusal(text, "a text")
        # A class below str may have methods of its own.
        plain = encodable(str.__str__(text))
        self._characters_left -= len(plain)
        if self._characters_left < 0:
            raise PluginError(f"An answer has at most {CHARACTERS_LIMIT:,} characters.")
        return plain

    def _time(self, time: console.Time) -> Shown:
        if type(time.at_ms) is not int or not 0 <= time.at_ms <= LARGEST_MS:
            raise PluginError("A time is in milliseconds since 1970.")
        return Shown("time", time.at_ms)

    def _table(self, table: console.Table) -> Shown:
        head = [self._text(one) for one in _items(table.head, COLUMNS_LIMIT, "columns")]
        rows = [self._row(row, len(head)) for row in _items(table.rows, ROWS_LIMIT, "rows")]
        numeric = [bool(rows) and all(row[place].kind == "number" for row in rows) for place in range(len(head))]
        return Shown("table", TableShown(head, rows, self._text(table.caption), numeric))

    def _row(self, row: Any, columns: int) -> list[Shown]:
        cells = _items(row, COLUMNS_LIMIT, "cells")
        if len(cells) != columns:
            raise PluginError(f"A row of a table has {len(cells)} cells, and its head {columns}.")
        return [self._cell(cell) for cell in cells]

    def _facts(self, facts: console.Facts) -> Shown:
        return Shown("facts", [(self._text(name), self._cell(one)) for name, one in _pairs(facts.facts)])

    def _link(self, link: console.Link) -> Shown:
        text = self._text(link.text)
        query = urlencode([(self._text(name), self._text(one)) for name, one in _pairs(link.query)])
        ending = f"?{query}" if query else ""
        if issubclass(type(link.to), str):
            return Shown("link", LinkShown(text, "", _address(self._text(link.to)) + ending))
        part = self._extension.part_of(link.to)
        if part is None or part.kind != "page":
            raise PluginError("A link leads to a function with @page of the same plugin, or to an address.")
        return Shown("link", LinkShown(text, part.name, ending))

    def _form(self, form: console.Form) -> Shown:
        if not self._with_forms:
            raise PluginError("A card has no form: link to a page that has it.")
        part = self._extension.part_of(form.action)
        if part is None or part.form is None:
            raise PluginError("A form is of a function with @action of the same plugin.")
        if self._forms_left == 0:
            raise PluginError(f"An answer has at most {FORMS_LIMIT} forms.")
        self._forms_left -= 1
        fixed, values = self._values(form.fixed, part), self._values(form.values, part)
        fields = part.form.fields({**values, **fixed})
        return Shown(
            "form",
            FormShown(
                FORMS_LIMIT - self._forms_left,
                part,
                self._text(form.button) or part.title,
                [one for one in fields if one.name not in fixed],
                [one for one in fields if one.name in fixed],
            ),
        )

    def _values(self, values: Any, part: Part) -> dict[str, Any]:
        assert part.form is not None
        found = {self._text(name): self._plain(one) for name, one in _pairs(values)}
        unknown = next((name for name in found if name not in part.form.names), None)
        if unknown is not None:
            raise PluginError(f"The action {part.name} has no field {unknown[:60]}.")
        return found

    def _plain(self, value: Any, depth: int = 0) -> Any:
        """Return a value as JSON has it; what a duration is stays a text."""
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if issubclass(kind, int) and _is_small(value):
            return int.__index__(value)
        if issubclass(kind, str):
            return self._text(value)
        if depth < DEEPEST and issubclass(kind, list | tuple):
            return [self._plain(one, depth + 1) for one in _items(value, VALUES_LIMIT, "values")]
        if depth < DEEPEST and issubclass(kind, dict):
            return {self._text(name): self._plain(one, depth + 1) for name, one in _pairs(value)}
        if spelled := spell(value):
            return spelled
        raise _refusal(value, "a value of a field")


_Reading = Callable[[Reader, Any], Shown]
_CELLS: Mapping[type, _Reading] = {
    console.Time: Reader._time,
    console.Link: Reader._link,
    console.Form: Reader._form,
}
_BLOCKS: Mapping[type, _Reading] = {
    console.Text: lambda reader, block: Shown("text", reader._text(block.text)),
    console.Heading: lambda reader, block: Shown("heading", reader._text(block.text)),
    console.Table: Reader._table,
    console.Facts: Reader._facts,
    console.Link: Reader._link,
    console.Form: Reader._form,
}


def _reading(known: Mapping[type, _Reading], kind: type) -> _Reading | None:
    """Return how a kind is read; by identity, as a class of a plugin may have code of its own to be found by."""
    return next((read for one, read in known.items() if one is kind), None)


def parts_of(answer: Any) -> list[Any]:
    """Return the parts of an answer, one or many or none. Raises PluginError."""
    if issubclass(type(answer), list | tuple):
        return _items(answer, BLOCKS_LIMIT, "blocks")
    return [] if answer is None else [answer]


def _items(items: Any, limit: int, what: str) -> list[Any]:
    """Return what a list or tuple has; by the methods of these, and none that a class below them may have."""
    kind = next((kind for kind in (list, tuple) if issubclass(type(items), kind)), None)
    if kind is None:
        raise _refusal(items, f"a list of {what}")
    if kind.__len__(items) > limit:
        raise PluginError(f"There are {kind.__len__(items):,} {what}, and at most {limit:,} can be shown.")
    return list(kind.__iter__(items))


def _pairs(mapping: Any) -> list[tuple[Any, Any]]:
    if not issubclass(type(mapping), dict):
        raise _refusal(mapping, "a dict")
    if dict.__len__(mapping) > BLOCKS_LIMIT:
        raise PluginError(f"A dict has at most {BLOCKS_LIMIT} names here.")
    return list(dict.items(mapping))


def _is_small(number: int) -> bool:
    """A larger one takes its time to be written, and nobody reads it."""
    return int.bit_length(number) <= 128


def _decimal(number: float) -> str:
    return f"{number:,.3f}".rstrip("0").rstrip(".") if abs(number) < LARGEST_DECIMAL else f"{number:g}"


def _address(address: str) -> str:
    """Return an address that leads to a page of the console or to a site. Raises PluginError."""
    if LOCAL.fullmatch(address):
        return address
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        good = False
    if not good or not address.isprintable() or " " in address:
        raise PluginError("A link leads to a path of the console, or to an address with http or https.")
    return address


def _refusal(found: Any, wanted: str) -> PluginError:
    # Past what the class of a class may say of its name.
    name = type.__dict__["__name__"].__get__(type(found))
    return PluginError(f"It answered {name[:60]}, which is not {wanted}.")
