"""The plugins of the product are examples, so each stays a page or two."""

from __future__ import annotations

import pytest

from bbs_core.platform.discovery import BUILTINS, OPTIONAL
from tests.support import ROOT

LINES = 150


@pytest.mark.parametrize("name", [*BUILTINS, *OPTIONAL])
def test_a_plugin_has_fewer_lines_than_that(name: str) -> None:
    files = [*ROOT.glob(f"plugins/{name}.py"), *ROOT.glob(f"plugins/{name}/*.py")]
    assert 0 < sum(len(file.read_text().splitlines()) for file in files) < LINES
