"""Asks for the end of the process, as a script does."""

from __future__ import annotations

import sys


def misbehave() -> None:
    sys.exit("a secret of /etc/bbs")
