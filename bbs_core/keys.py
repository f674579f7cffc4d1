"""Secrets that stand in files of the data folder, outside the database and its backup."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from bbs_core.errors import StoreError

KEY_BYTES = 32


def open_key(path: Path) -> bytes:
    """Return the key in a file that its owner alone may read, made at the first call. Raises StoreError."""
    try:
        return _made_or_read(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}.") from error


def _made_or_read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_key(path)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return _read_key(path)


def _read_key(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise StoreError(f"The key in {path} is not {KEY_BYTES} bytes long.")
    return key
