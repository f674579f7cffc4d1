"""config/bbs.toml repeats every setting, and an untouched copy of it changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bbs_core.config import load, shown
from bbs_core.settings import FIELDS, RUNTIME, SECTIONS, Settings

ANNOTATED = Path(__file__).parents[2] / "config" / "bbs.toml"
LIVE = " *"
TEXT = ANNOTATED.read_text(encoding="utf-8")


def expected_section(name: str, model: type[BaseModel]) -> str:
    lines = [f"[{name}]"]
    for key, field in model.model_fields.items():
        dotted = f"{name}.{key}"
        lines += [f"# {field.description}{LIVE if dotted in RUNTIME else ''}"]
        lines += [f"# {key} = {shown(dotted, field.default)}"]
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_has_every_key_with_its_reason_and_default(name: str) -> None:
    sections = {block.partition("]")[0][1:]: block for block in TEXT.split("\n\n")[1:]}
    assert list(sections) == list(SECTIONS)
    assert sections[name].rstrip("\n") + "\n" == expected_section(name, SECTIONS[name])


def test_an_untouched_file_changes_nothing() -> None:
    loaded = load(ANNOTATED, {})
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert list(loaded.origins) == list(FIELDS)


def test_a_file_with_every_line_in_force_gives_the_defaults_and_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    lines = re.sub(r"^# (\w+ = )", r"\1", TEXT, flags=re.MULTILINE).splitlines()
    file.write_text("\n".join(lines), encoding="utf-8")
    loaded = load(file, {})
    assert loaded.settings == Settings()
    for key, origin in loaded.origins.items():
        number = int(origin.removeprefix(f"{file}:"))
        assert lines[number - 1].startswith(f"{key.partition('.')[2]} = ")
    assert len(set(loaded.origins.values())) == len(FIELDS)


@pytest.mark.parametrize("key", FIELDS)
def test_each_setting_has_one_line_of_why_and_a_default_that_is_allowed(key: str) -> None:
    description = FIELDS[key].description or ""
    assert description.endswith(".")
    assert len(description) <= 110
    assert "\n" not in description
    assert load(None, {}, {key: FIELDS[key].default}).settings == Settings()
