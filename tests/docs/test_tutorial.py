"""The tutorial: done as a reader does it, on one board, it ends in the plugin that it promises."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

from tests.docs.reader import Reader, steps
from tests.support import ROOT

TUTORIAL = ROOT / "docs" / "tutorial"
PAGES = [TUTORIAL / "README.md", *sorted(TUTORIAL.glob("[0-9]*.md"))]


def test_it_works_as_it_is_written(tmp_path: Path) -> None:
    with ExitStack() as stack:
        reader = Reader(tmp_path / "board", stack)
        for page in PAGES:
            for line, name, told in steps(page):
                try:
                    getattr(reader, name)(*told)
                except Exception as error:
                    error.add_note(f"{page}:{line}")
                    raise
    for file, place in (("thanks.py", "thanks"), ("test_thanks.py", "thanks/tests")):
        assert (tmp_path / place / file).read_text() == (TUTORIAL / file).read_text()


def test_every_block_of_it_is_something_to_do() -> None:
    for page in PAGES:
        blocks = len(re.findall("^```.", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert blocks == sum(name not in ("visit", "press", "put", "stop", "start") for _, name, _ in steps(page))


def test_the_index_has_every_page_in_its_order() -> None:
    listed = re.findall(r"^[0-9]\. \[.+?\]\((.+?)\)", PAGES[0].read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [page.name for page in PAGES[1:]]
