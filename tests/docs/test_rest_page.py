"""docs/rest.md says of rights and error codes what the code says."""

from __future__ import annotations

import re

from admin.problems import KINDS
from bbs_core.staff import Scope
from tests.support import ROOT

PAGE = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")


def test_it_lists_every_right() -> None:
    assert set(re.findall(r"^\| `([a-z:]+)` \|", PAGE, re.MULTILINE)) == set(Scope)


def test_it_lists_every_error_code() -> None:
    listed = dict(re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    assert listed == {str(status): code for status, (code, _) in KINDS.items()}
