"""All that the fuzzer has found to reach new code, again, without the fuzzer (`make fuzz` searches for more)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import wire
from tests.fuzz.conversation import Fuzzed

CORPUS = Path(__file__).parent / "corpus"
FEW = 20


def recorded(name: str) -> list[Path]:
    return sorted((CORPUS / name).iterdir())


@pytest.fixture(scope="module")
def board() -> Iterator[Fuzzed]:
    fuzzed = Fuzzed()
    yield fuzzed
    fuzzed.close()


@pytest.mark.parametrize("name", ["wire", "conversation"])
def test_there_is_a_record_to_replay(name: str) -> None:
    assert len(recorded(name)) >= FEW


@pytest.mark.parametrize("path", recorded("wire"), ids=lambda path: path.name)
def test_any_bytes_in_any_pieces_are_the_same_frames(path: Path) -> None:
    wire.check(path.read_bytes())


@pytest.mark.parametrize("path", recorded("conversation"), ids=lambda path: path.name)
def test_whatever_is_said_the_answers_are_the_originals(path: Path, board: Fuzzed) -> None:
    board.check(path.read_bytes())
