"""The command `bbs` as an operator types it, on the data of a board."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support import bbs

PASSWORD = "correct horse battery"


class Operator:
    """Types verbs; `fails` is for those that end in one sentence, or in faults."""

    def __init__(self, data: Path, database: str) -> None:
        self.data = data
        self.database = database

    def bbs(self, *words: str, stdin: str = "") -> list[str]:
        """Return the lines that a verb prints, which has to work."""
        done = self._run(words, stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def fails(self, *words: str) -> tuple[int, str]:
        """Return the exit code and what was said."""
        done = self._run(words, "")
        assert done.returncode
        return done.returncode, done.stdout + done.stderr

    def add_owner(self, name: str = "olga") -> None:
        self.bbs("staff", "add", name, "--role", "owner", "--password-stdin", stdin=PASSWORD)

    def _run(self, words: tuple[str, ...], stdin: str) -> subprocess.CompletedProcess[str]:
        return bbs(*words, stdin=stdin, BBS_SERVER_DATA=str(self.data), BBS_SERVER_DATABASE=self.database)
