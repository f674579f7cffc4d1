"""The pinned requirements: complete, hashed and free of any address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN_TIME = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]
TESTS = RUN_TIME + [entry for entry in PROJECT["dependency-groups"]["test"] if isinstance(entry, str)]
HASHES = re.compile(r"( --hash=sha256:[0-9a-f]{64})+$")

pinned_files = pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt", "requirements-fuzz.txt"])


def text_of(name: str) -> str:
    return (ROOT / "config" / name).read_text()


def lines(name: str) -> list[str]:
    """Join each requirement with the lines of its hashes."""
    return re.sub(r" \\\n *", " ", text_of(name)).splitlines()


def pins(name: str) -> dict[str, Requirement]:
    requirements = [Requirement(HASHES.sub("", line)) for line in lines(name)]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def version(pin: Requirement) -> str:
    [specifier] = pin.specifier
    assert specifier.operator == "=="
    return specifier.version


@pinned_files
def test_a_pinned_file_names_no_address(name: str) -> None:
    assert "://" not in text_of(name)
    assert not re.search(r"^\s*-[^-]|--(index|extra|find|trusted)", text_of(name), re.MULTILINE)


@pinned_files
def test_each_pin_is_one_version_with_hashes(name: str) -> None:
    assert [line for line in lines(name) if not HASHES.search(line)] == []
    assert all(version(pin) for pin in pins(name).values())


@pytest.mark.parametrize(("name", "wanted"), [("requirements.txt", RUN_TIME), ("requirements-test.txt", TESTS)])
def test_each_dependency_is_pinned_to_a_version_that_it_allows(name: str, wanted: list[str]) -> None:
    pinned = pins(name)
    for requirement in map(Requirement, wanted):
        pin = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version(pin)), pin


def test_the_tests_run_on_the_versions_that_users_get() -> None:
    under_test = pins("requirements-test.txt")
    assert {name: str(pin) for name, pin in pins("requirements.txt").items()} == {
        name: str(under_test[name]) for name in pins("requirements.txt")
    }


def test_the_wheel_is_built_with_what_is_pinned() -> None:
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
