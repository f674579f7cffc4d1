"""A verb loads what it needs: who asks for help does not wait for the database."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT

HEAVY = ("sqlalchemy", "alembic", "flask", "psycopg", "pluggy", "prometheus_client")
LOADED = f"""
import sys

from bbs_core.cli import main

try:
    main(prog_name="bbs")
finally:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("plugin", "--help"), ("config", "check")])
def test_nothing_heavy_is_loaded_for_a_word(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", LOADED, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
