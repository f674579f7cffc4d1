"""A whole board in one file, whichever database it stands in: made of a running board, and read into an empty one.

It is a zip file: a manifest with the schema, the rows and the digest of each table, the tables as lines of JSON, and
the settings' file. The ledger's key is not in it (docs/decisions/0006-ledger.md).
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import StoreError
from bbs_core.store import plugin_rows
from bbs_core.store.engine import files_as_error, is_sqlite, unavailable_as_error
from bbs_core.store.models import PluginRow, PluginSchema
from bbs_core.store.portable import restart_sequences
from bbs_core.store.schema import filling, schema_of_board

FORMAT = 1
MANIFEST = "manifest.json"
SETTINGS = "bbs.toml"
# Alembic's own table is made anew by the migrations, the search's by the writer; who was on line is gone.
NOT_ROWS = ("alembic_version", "post_search", "positions", "sessions", "nodes")
# In the name of every plugin's table and of none of the board's: only the plugin knows how to make it in another
# database, so its rows are written as if they were kept aside for it (docs/decisions/0012-plugin-storage.md).
PLUGINS_MARK = "__"
# Read at once, of texts that may each have a million characters.
ROWS_AT_A_TIME = 100
# One row. A text has at most a million characters, each of them at most twelve bytes of JSON; five times that is for
# rows of older versions, whose plugins had no limit. A longer one is refused when the backup is made, not years later.
LINE_LIMIT_BYTES = 64 * 1024 * 1024
# Rows that are written at once take as much memory, and the longest one.
PAGE_BYTES = 4 * 1024 * 1024
# What reading a file raises where it is none of ours, or no longer.
NOT_AS_WRITTEN = (KeyError, TypeError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError, OSError)


def back_up(engine: sa.Engine, settings: Path | None, file: Path) -> dict[str, int]:
    """Write all that one moment of the database holds; returns the rows of each table.

    Raises StoreError where the file exists or cannot be written or a row is too long for it, StoreUnavailable.
    """
    partial = file.with_name(file.name + ".partial")
    with files_as_error(file), unavailable_as_error():
        if file.exists():
            raise StoreError(f"{file} exists already: name another file.")
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as target:
                counts = _write(engine, settings, target)
                target.flush()
                os.fsync(target.fileno())
            partial.rename(file)
        finally:
            partial.unlink(missing_ok=True)
    return counts


def _write(engine: sa.Engine, settings: Path | None, target: Any) -> dict[str, int]:
    level = "SERIALIZABLE" if is_sqlite(engine) else "REPEATABLE READ"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        with engine.connect().execution_options(isolation_level=level) as connection:
            schema = schema_of_board(connection)
            tables = {table.name: _write_table(archive, connection, table) for table in _tables(connection)}
        if settings is not None:
            archive.writestr(SETTINGS, settings.read_bytes())
        manifest = {"format": FORMAT, "schema": schema, "made_at_ms": now_ms(), "tables": tables}
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return {name: table["rows"] for name, table in tables.items()}


def _write_table(archive: zipfile.ZipFile, connection: sa.Connection, table: sa.Table) -> dict[str, Any]:
    digest, count = hashlib.sha256(), 0
    query = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS_AT_A_TIME)
    with archive.open(_member(table.name), "w", force_zip64=True) as member:
        for row in itertools.chain(connection.execute(query), _more_of(connection, table)):
            line = _line(table, row)
            digest.update(line)
            member.write(line)
            count += 1
    return {"rows": count, "sha256": digest.hexdigest(), "columns": [column.name for column in table.columns]}


def _more_of(connection: sa.Connection, table: sa.Table) -> Iterator[Sequence[Any]]:
    return plugin_rows.of_all_plugins(connection) if table.name == PluginRow.__tablename__ else iter(())


def _line(table: sa.Table, row: Sequence[Any]) -> bytes:
    line = json.dumps([_to_json(value) for value in row]).encode() + b"\n"
    if len(line) > LINE_LIMIT_BYTES:
        key = ", ".join(str(value) for column, value in zip(table.columns, row, strict=True) if column.primary_key)
        raise StoreError(f"Row {key} of the table {table.name} is too long for a backup ({LINE_LIMIT_BYTES} bytes).")
    return line


def restore(engine: sa.Engine, data: Path, file: Path) -> dict[str, int]:
    """Read a file into an empty database, of any version's schema, in one transaction; returns the rows of each table.

    Raises StoreError where the file is damaged or does not fit or the database is not empty, SchemaTooNew and
    StoreUnavailable; whatever it raises, and if it is killed, the database is as empty as before.
    """
    with _opened(file) as archive:
        manifest = _checked_manifest(file, archive)
        with _settings_restored(archive, data / SETTINGS), filling(engine, manifest["schema"]) as connection:
            _fill(archive, connection, manifest["tables"], file)
    return {name: table["rows"] for name, table in manifest["tables"].items()}


@contextmanager
def _settings_restored(archive: zipfile.ZipFile, file: Path) -> Iterator[None]:
    """Write the settings beside their place, and put them there after all else is done."""
    if SETTINGS not in archive.namelist():
        yield
        return
    partial = file.with_name(file.name + ".partial")
    try:
        with files_as_error(partial):
            partial.touch(mode=0o600)
            partial.write_bytes(archive.read(SETTINGS))
        yield
        with files_as_error(file):
            partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)


def _fill(archive: zipfile.ZipFile, connection: sa.Connection, contents: dict[str, Any], file: Path) -> None:
    try:
        for table in _tables(connection):
            _read_table(archive, connection, table, contents[table.name]["columns"])
            restart_sequences(connection, table)
            if table.name == PluginSchema.__tablename__:
                plugin_rows.set_aside(connection)
    except sa.exc.OperationalError:
        raise
    except (sa.exc.SQLAlchemyError, OverflowError, *NOT_AS_WRITTEN) as error:
        # The driver's words, and the values, hold people's texts.
        raise StoreError(f"{file} holds what no board can hold: nothing was changed.") from error


def check(file: Path) -> None:
    """Read a whole file; raises StoreError where it is damaged."""
    with _opened(file) as archive:
        _checked_manifest(file, archive)


def _opened(file: Path) -> zipfile.ZipFile:
    with files_as_error(file):
        try:
            return zipfile.ZipFile(file)
        except zipfile.BadZipFile:
            raise _damaged(file) from None


def _checked_manifest(file: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    """Read everything once, so that a damaged file is refused before anything is touched."""
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        if manifest["format"] != FORMAT:
            raise StoreError(f"{file} was made by a newer version of the program.")
        for name, table in manifest["tables"].items():
            digest = hashlib.sha256()
            for line in _lines(archive, name):
                digest.update(line)
            if digest.hexdigest() != table["sha256"]:
                raise _damaged(file)
        if archive.testzip() is not None:
            raise _damaged(file)
    except NOT_AS_WRITTEN as error:
        raise _damaged(file) from error
    return manifest


def _read_table(archive: zipfile.ZipFile, connection: sa.Connection, table: sa.Table, columns: list[str]) -> None:
    readers = [_from_json(table.columns[name]) for name in columns]
    for lines in _pages(_lines(archive, table.name)):
        rows = ([read(value) for read, value in zip(readers, json.loads(line), strict=True)] for line in lines)
        connection.execute(sa.insert(table), [dict(zip(columns, row, strict=True)) for row in rows])


def _pages(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    page, size = [], 0
    for line in lines:
        page.append(line)
        size += len(line)
        if len(page) == ROWS_AT_A_TIME or size >= PAGE_BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """The tables as they are, whatever version made them; those that others refer to come first."""
    metadata = sa.MetaData()
    metadata.reflect(connection, only=_is_kept)
    return [table for table in metadata.sorted_tables if not table.name.startswith(NOT_ROWS)]


def _is_kept(name: str, _kind: object) -> bool:
    return PLUGINS_MARK not in name


def _lines(archive: zipfile.ZipFile, table: str) -> Iterator[bytes]:
    """Yield the lines of a table; raises ValueError at one that is longer than any that is written."""
    with archive.open(_member(table)) as member:
        for line in iter(lambda: member.readline(LINE_LIMIT_BYTES + 1), b""):
            if len(line) > LINE_LIMIT_BYTES:
                raise ValueError("a line is too long")
            yield line


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


def _to_json(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _from_json(column: sa.Column[Any]) -> Callable[[Any], Any]:
    if issubclass(column.type.python_type, bytes):
        return lambda value: None if value is None else base64.b64decode(value)
    return lambda value: value


def _damaged(file: Path) -> StoreError:
    return StoreError(f"{file} is damaged or no backup of a board: nothing was changed.")
