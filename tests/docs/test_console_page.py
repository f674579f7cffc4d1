"""docs/console.md says of roles, modes, keys and pages what the console has."""

from __future__ import annotations

import re

from admin.pages.dashboard import MODES
from admin.pages.routing import NAVIGATION
from bbs_core.staff import ROLES
from tests.support import ROOT

PAGE = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
SCRIPT = (ROOT / "admin" / "static" / "console.js").read_text(encoding="utf-8")


def first_cells(heading: str) -> list[str]:
    """Return the first cell of each row of a section's table."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)[1:]


def test_it_lists_the_roles_from_the_highest_down() -> None:
    assert first_cells("Staff") == list(ROLES)


def test_it_lists_the_modes_by_the_names_of_their_buttons() -> None:
    assert first_cells("The dashboard") == list(MODES.values())


def test_it_lists_every_key() -> None:
    keys = re.findall(r'^  "?([^\s":]+)"?: \(\) =>', SCRIPT, re.MULTILINE)
    assert re.findall("`(.)`", " ".join(first_cells("Keys"))) == keys


def test_it_has_a_section_for_each_page_of_the_navigation() -> None:
    headings = re.findall("^## (.+)$", PAGE, re.MULTILINE)
    assert [link.label for link in NAVIGATION if not any(link.label.lower() in one.lower() for one in headings)] == []
