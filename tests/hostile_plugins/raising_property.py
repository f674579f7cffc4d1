"""Has something in it that raises when it is looked at."""

from __future__ import annotations


class Odd:
    """Raises for every mark that the board looks for."""

    @property
    def bbs_impl(self) -> None:
        raise RuntimeError("a secret of /etc/bbs")


odd = Odd()
