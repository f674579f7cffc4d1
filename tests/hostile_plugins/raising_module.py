"""Raises for every name that it does not have, and exits for one."""

from __future__ import annotations

import sys

from bbs_core.plugin import command


def __getattr__(name: str) -> None:
    if name == "__version__":
        sys.exit("a secret of /etc/bbs")
    raise RuntimeError(f"no {name}")


@command("/raising-module")
def answer() -> str:
    """Answer what is right."""
    return "right"
