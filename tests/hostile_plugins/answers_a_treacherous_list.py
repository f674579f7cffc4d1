"""Answers a list that raises when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator


class Rows(list[str]):
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("a secret of /etc/bbs")


def misbehave() -> Rows:
    return Rows(["row"])
