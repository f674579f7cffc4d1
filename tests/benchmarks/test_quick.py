"""The benchmarks work: each measure runs at a scale whose figures mean nothing, and gates can be missed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import MEASURES
from tests.benchmarks.contest import ORIGINAL, OURS, Aim, Figure
from tests.support import ROOT

TIMEOUT_S = 90
PICTURES = ["posts.svg", "latency.svg", "history.svg", "history-lists.svg"]
GATE = Aim(OURS, ORIGINAL, 2.0)
CEILING = Aim(OURS, ORIGINAL, 2.0, at_most=True)


@pytest.mark.parametrize(
    ("measures", "count", "one", "pictures"),
    [
        ([name for name in MEASURES if name != "console"], 29, "durable posts, 50 connections", PICTURES),
        (["console"], 27, "page /users?sort=name", []),
    ],
    ids=["board", "console"],
)
def test_every_measure_runs_and_is_written_down(
    tmp_path: Path, measures: list[str], count: int, one: str, pictures: list[str]
) -> None:
    files = ["--json", str(tmp_path / "all.json"), "--plots", str(tmp_path)]
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", *files, *measures]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads((tmp_path / "all.json").read_text())["figures"]
    assert len(figures) == count
    assert all(value > 0 for figure in figures for value in figure["medians"].values())
    assert one in done.stdout
    for picture in pictures:
        assert "<script" not in (tmp_path / picture).read_text()


@pytest.mark.parametrize(("ours", "aim", "missed"), [(19, GATE, 1), (20, GATE, 0), (21, CEILING, 1), (20, CEILING, 0)])
def test_a_gate_that_is_not_met_is_named(ours: float, aim: Aim, missed: int) -> None:
    assert len(Figure("lists", "lists/s", {OURS: ours, ORIGINAL: 10.0}, [aim]).failed()) == missed


def test_what_was_not_measured_fails_nothing() -> None:
    assert Figure("lists", "lists/s", {OURS: 1.0}, [GATE]).failed() == []
