"""A folder in which what the docs say can be typed."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.support import ROOT


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `bbs` and .venv/bin/bbs are the program, and bbs-data the default place of the board."""
    command = tmp_path / ".venv" / "bin" / "bbs"
    command.parent.mkdir(parents=True)
    program = shlex.join(["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "bbs_core.cli"])
    command.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path
