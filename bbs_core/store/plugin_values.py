"""The values that plugins keep by their keys."""

from __future__ import annotations

import json
import sys
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import StorageError
from bbs_core.public.storage import ITEMS, KEY_CHARACTERS, KEYS, VALUE_BYTES
from bbs_core.store.models import PluginValue


def as_key(key: str) -> bytes:
    """Return a key as it is stored: no character is refused, and the order is that of the characters."""
    if not isinstance(key, str):
        raise StorageError(f"A key is a text, not of the type {type(key).__name__}.")
    if len(key) > KEY_CHARACTERS:
        raise StorageError(f"A key has at most {KEY_CHARACTERS} characters; this one has {len(key):,}.")
    return key.encode("utf-8", "surrogatepass")


def as_text(value: Any) -> str:
    """Return a value as it is stored. Raises StorageError for one that would come back otherwise."""
    try:
        text = json.dumps(value, allow_nan=False)
        comes_back = bool(json.loads(text) == value)
    except (TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"A value is what JSON can be: {error}.") from None
    if not comes_back:
        raise StorageError("A value is what JSON can be: lists and no tuples, dictionaries with texts as keys.")
    if len(text) > VALUE_BYTES:
        raise StorageError(f"A value has at most {VALUE_BYTES:,} bytes as JSON; this one has {len(text):,}.")
    return text


def get(connection: sa.Connection, plugin: str, key: bytes) -> str | None:
    """Return a value, None where there is none."""
    return connection.execute(sa.select(PluginValue.value).where(*_place(plugin, key))).scalar()


def put(connection: sa.Connection, plugin: str, key: bytes, text: str) -> None:
    """Keep a value. Raises StorageError where there are too many."""
    changed = connection.execute(sa.update(PluginValue).where(*_place(plugin, key)).values(value=text))
    if not changed.rowcount:
        count = sa.select(sa.func.count()).select_from(PluginValue).where(PluginValue.plugin == plugin)
        if connection.execute(count).scalar_one() >= KEYS:
            raise StorageError(f"A plugin keeps at most {KEYS:,} keys: let it make a table for more.")
        connection.execute(sa.insert(PluginValue).values(plugin=plugin, key=key, value=text))


def delete(connection: sa.Connection, plugin: str, key: bytes) -> None:
    """Forget a value."""
    connection.execute(sa.delete(PluginValue).where(*_place(plugin, key)))


def add(connection: sa.Connection, plugin: str, key: bytes, amount: float) -> float:
    """Add to a number and return the sum; whoever writes is alone. Raises StorageError."""
    present = json.loads(get(connection, plugin, key) or "0")
    if not (_is_number(present) and _is_number(amount)):
        raise StorageError("Only a number can be added to a number.")
    if not (_is_small(present) and _is_small(amount) and _is_small(present + amount)):
        raise StorageError("The sum is too large.")
    total: float = present + amount
    put(connection, plugin, key, as_text(total))
    return total


def swap(connection: sa.Connection, plugin: str, key: bytes, before: str | None, after: str) -> tuple[bool, str | None]:
    """Put `after` in the place of `before`; return whether that was there still, and what was."""
    present = get(connection, plugin, key)
    if present == before:
        put(connection, plugin, key, after)
    return present == before, present


def items(connection: sa.Connection, plugin: str, prefix: bytes, after: bytes, limit: int) -> list[tuple[str, str]]:
    """Return the first keys with a prefix behind another one, and their values. Raises StorageError."""
    if not 1 <= limit <= ITEMS:
        raise StorageError(f"Ask for 1 to {ITEMS:,} items at once.")
    # No byte of UTF-8 is as high, so whatever has the prefix is below.
    query = sa.select(PluginValue.key, PluginValue.value).where(
        PluginValue.plugin == plugin, PluginValue.key >= prefix, PluginValue.key < prefix + b"\xff"
    )
    if after:
        query = query.where(PluginValue.key > after)
    rows = connection.execute(query.order_by(PluginValue.key).limit(limit))
    return [(row.key.decode("utf-8", "surrogatepass"), row.value) for row in rows]


def _place(plugin: str, key: bytes) -> tuple[sa.ColumnElement[bool], ...]:
    return PluginValue.plugin == plugin, PluginValue.key == key


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_small(number: float) -> bool:
    """Whether a float can be as large; a whole number may be larger, and then nothing can be added to it."""
    return abs(number) <= sys.float_info.max
