"""Pictures of a run: throughput against connections, and latency against the length of the history."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pygal
from pygal.style import CleanStyle

from tests.benchmarks.contest import ORIGINAL, OURS, Figure

POSTS = re.compile(r"durable posts, (\d+) connections")
PAIRS = re.compile(r"a post, then one's own list of 20 rows, (\d+) connections")
SCRIPT = re.compile("<script.*?</script>", re.DOTALL)
SIZE = {"width": 720, "height": 400}


def draw(figures: Sequence[Figure], folder: Path) -> None:
    """Write an SVG file for each picture that the figures give."""
    folder.mkdir(parents=True, exist_ok=True)
    posts, pairs = _by_connections(figures, POSTS), _by_connections(figures, PAIRS)
    _write("Posts a second, by connections", posts, folder / "posts.svg")
    # Each connection waits for its list before it posts again, so this is what one of them waits on average.
    waits = {
        connections: {who: 1000 * int(connections) / rate for who, rate in medians.items()}
        for connections, medians in pairs.items()
    }
    _write("Milliseconds for a post and one's own list, by connections", waits, folder / "latency.svg")
    for figure in figures:
        by_history = {length: {OURS: value} for length, value in figure.medians.items()}
        if figure.name == "list of the newest 20":
            _write("Milliseconds for a list of the newest 20, by history", by_history, folder / "history.svg")
        if figure.name.startswith("seconds for a thousand"):
            rates = {length: {OURS: 1000 / medians[OURS]} for length, medians in by_history.items()}
            _write("Lists of the newest 20 a second, by history", rates, folder / "history-lists.svg")


def _by_connections(figures: Sequence[Figure], name: re.Pattern[str]) -> dict[str, Mapping[str, float]]:
    return {found[1]: figure.medians for figure in figures if (found := name.fullmatch(figure.name))}


def _write(title: str, points: Mapping[str, Mapping[str, float]], file: Path) -> None:
    if not points:
        return
    # From nought on, so that a small difference looks small.
    chart = pygal.Line(title=title, js=[], style=CleanStyle, include_x_axis=True, **SIZE)
    chart.x_labels = list(points)
    for who in (OURS, ORIGINAL):
        if who in next(iter(points.values())):
            chart.add(who, [medians[who] for medians in points.values()])
    # A picture in a page needs no script, and none may be fetched from elsewhere.
    file.write_text(SCRIPT.sub("", chart.render(is_unicode=True)))
