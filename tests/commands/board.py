"""The command `bbs` as an operator types it, on the data of a board."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

PASSWORD = "correct horse battery"
WAIT_S = 30


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
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BBS_")}
        where = {"BBS_SERVER_DATA": str(self.data), "BBS_SERVER_DATABASE": self.database, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "bbs_core.cli", *words]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=kept | where,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
