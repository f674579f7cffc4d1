"""How far the ledger went, noted in a file beside its key: neither the database nor a backup of it has that note."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import NamedTuple

from bbs_core.store.engine import files_as_error


class Noted(NamedTuple):
    """The newest act that was seen."""

    act_id: int
    digest: bytes


class Head:
    """A note that only moves on; written from any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def read(self) -> Noted | None:
        """Return the note, None where nothing was noted yet. Raises StoreError."""
        with files_as_error(self._file):
            try:
                found = json.loads(self._file.read_bytes())
            except FileNotFoundError:
                return None
        return Noted(found["act"], bytes.fromhex(found["digest"]))

    def move_to(self, act_id: int, digest: bytes) -> None:
        """Note an act, whole or not at all, unless a later one is noted. Raises StoreError."""
        with self._lock, files_as_error(self._file):
            noted = self.read()
            if noted is not None and noted.act_id >= act_id:
                return
            partial = self._file.with_name(self._file.name + ".partial")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as target:
                json.dump({"act": act_id, "digest": digest.hex()}, target)
                target.flush()
                os.fsync(target.fileno())
            partial.rename(self._file)
