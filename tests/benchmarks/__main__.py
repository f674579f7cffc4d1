"""Measure everything, print a table, and fail where a gate is not met.

`python -m tests.benchmarks [--quick] [--json FILE] [--plots FOLDER] [NAME …]`; the names are those of the measures.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.benchmarks import plots, servers, single, traffic
from tests.benchmarks.console import console
from tests.benchmarks.contest import ALLOWED, Aim, Figure
from tests.benchmarks.promises import promises
from tests.benchmarks.scale import FULL, QUICK, Scale
from tests.support import BoardProcess

Measure = Callable[[Scale], Iterator[Figure]]
MEASURES: Mapping[str, Measure] = {
    measure.__name__: measure
    for measure in (
        *(traffic.posts, traffic.posts_then_lists, traffic.lists),
        *(
            single.stock_lists,
            single.idle_connections,
            single.history,
            single.plugins,
            single.mailboxes,
            single.attacks,
            console,
            promises,
        ),
    )
}
HEAD = "| measure | medians | ratio | gate | aim |\n|---|---|---|---|---|"


def rows(figure: Figure) -> Iterator[str]:
    """Yield the rows of a figure, one for each ratio."""
    medians = ", ".join(f"{name} {_number(value)}" for name, value in figure.medians.items() if name != ALLOWED)
    name = f"{figure.name} ({figure.unit})"
    for aim in figure.aims:
        yield f"| {name} | {medians} | {_verdict(figure, aim)} |"
        name = medians = ""
    if not figure.aims:
        yield f"| {name} | {medians} | | | |"


def _verdict(figure: Figure, aim: Aim) -> str:
    ratio = figure.ratio(aim)
    if ratio is None:
        return "not measured | | "
    return f"{ratio:.2f} {aim.to} | {_bound(aim, ratio, aim.gate)} | {_bound(aim, ratio, aim.aim)}"


def _bound(aim: Aim, ratio: float, bound: float | None) -> str:
    if bound is None:
        return ""
    missed = "" if aim.met(ratio, bound) else " **missed**"
    return f"{'≤' if aim.at_most else '≥'} {bound:g}{missed}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def as_json(figures: list[Figure]) -> str:
    """Return all medians and ratios."""
    found = [
        {
            "measure": figure.name,
            "unit": figure.unit,
            "medians": figure.medians,
            "ratios": [
                {"of": aim.of, "to": aim.to, "ratio": figure.ratio(aim), "gate": aim.gate, "aim": aim.aim}
                for aim in figure.aims
            ],
        }
        for figure in figures
    ]
    return json.dumps({"machine": single.machine(), "python": platform.python_version(), "figures": found}, indent=1)


def run(measures: list[str], scale: Scale, say: Callable[[str], None]) -> list[Figure]:
    """Measure and print as it goes."""
    say(f"{single.machine()}, Python {platform.python_version()}, medians of {scale.turns} turns\n\n{HEAD}")
    figures: list[Figure] = []
    for name in measures or list(MEASURES):
        for figure in MEASURES[name](scale):
            figures.append(figure)
            for row in rows(figure):
                say(row)
    return figures


def main() -> int:
    """Return the exit code: 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only see whether it works; the figures mean nothing")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--plots", type=Path, help="draw pictures into this folder")
    parser.add_argument("measures", nargs="*", choices=[*MEASURES, []], metavar="NAME")
    options = parser.parse_args()
    if options.quick:
        servers.kind = BoardProcess
    figures = run(options.measures, QUICK if options.quick else FULL, lambda line: print(line, flush=True))  # noqa: T201
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(as_json(figures) + "\n")
    if options.plots:
        plots.draw(figures, options.plots)
    failed = [] if options.quick else [sentence for figure in figures for sentence in figure.failed()]
    sys.stderr.writelines(f"{sentence}\n" for sentence in failed)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
