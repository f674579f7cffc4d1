"""Rows as the lines of a file; a cell of a spreadsheet is text, whatever it begins with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import BaseModel

# Spreadsheets take a cell that begins with one of these, or its wide form, for a formula (OWASP, CSV Injection).
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def as_csv(rows: Iterable[BaseModel]) -> Iterator[str]:
    """Yield lines of CSV (RFC 4180), the names of the columns first."""
    for number, row in enumerate(rows):
        values = row.model_dump(mode="json")
        if number == 0:
            yield _line(values)
        yield _line(_cell(value) for value in values.values())


def as_json_lines(rows: Iterable[BaseModel]) -> Iterator[str]:
    """Yield a JSON object for each row."""
    for row in rows:
        yield row.model_dump_json() + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value if value.lstrip(" ").startswith(DANGEROUS) else value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


FORMATS: dict[str, tuple[str, Callable[[Iterable[BaseModel]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/jsonl", as_json_lines),
}
