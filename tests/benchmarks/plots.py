"""Pictures of a run: throughput against connections, and latency against the length of the history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pygal
from pygal.style import CleanStyle

from tests.benchmarks.contest import ORIGINAL, OURS, Figure

CONNECTIONS = re.compile(r"durable posts, (\d+) connections")
SCRIPT = re.compile("<script.*?</script>", re.DOTALL)
SIZE = {"width": 720, "height": 400}


def draw(figures: Sequence[Figure], folder: Path) -> None:
    """Write an SVG file for each picture that the figures give."""
    folder.mkdir(parents=True, exist_ok=True)
    posts = {found[1]: figure.medians for figure in figures if (found := CONNECTIONS.fullmatch(figure.name))}
    if posts:
        chart = _chart("Posts a second, by connections", list(posts))
        for who in (OURS, ORIGINAL):
            chart.add(who, [medians[who] for medians in posts.values()])
        _write(chart, folder / "posts.svg")
    for figure in figures:
        if figure.name.startswith("list of the newest"):
            chart = _chart("Milliseconds until a list of the newest 20 is read, by history", list(figure.medians))
            chart.add(OURS, list(figure.medians.values()))
            _write(chart, folder / "history.svg")


def _chart(title: str, labels: list[str]) -> pygal.Line:
    # From nought on, so that a small difference looks small.
    chart = pygal.Line(title=title, js=[], style=CleanStyle, include_x_axis=True, **SIZE)
    chart.x_labels = labels
    return chart


def _write(chart: pygal.Line, file: Path) -> None:
    # A picture in a page needs no script, and none may be fetched from elsewhere.
    file.write_text(SCRIPT.sub("", chart.render(is_unicode=True)))
