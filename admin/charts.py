"""Charts as pictures of their own, as the console's policy lets no style into a page."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pygal
from pygal.style import Style

from admin.look import moment
from bbs_core.errors import NotFound

KINDS = {"posts": "Posts", "messages": "Direct messages", "visits": "Visits"}
BARS = 48
LABELS = 6
STEPS = 4
LIGHT = Style(background="transparent", plot_background="transparent", colors=("#0d6efd",), foreground="#495057")
DARK = Style(background="transparent", plot_background="transparent", colors=("#79b0ff",), foreground="#ced4da")

# The library leaves a finder of maps behind that has no find_spec, on which whoever asks each finder breaks.
sys.meta_path[:] = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]


def chart(name: str, hours: Sequence[Mapping[str, Any]], dark: bool) -> bytes:
    """Return bars of what was counted in each hour, as SVG. Raises NotFound for what is not counted."""
    if name not in KINDS:
        raise NotFound("There is no such chart.")
    bars = _grouped(name, hours)
    drawing = pygal.Bar(
        style=_style(dark),
        js=[],
        show_legend=False,
        width=480,
        height=220,
        margin=6,
        spacing=4,
        title=None,
        include_x_axis=True,
        print_values=False,
        truncate_label=-1,
        x_labels_major_count=LABELS,
        show_minor_x_labels=False,
        value_formatter=lambda value: f"{value:,.0f}",
    )
    drawing.add_xml_filter(_without_scripts)
    drawing.y_labels = _steps(max(count for _, count in bars))
    drawing.x_labels = [label for label, _ in bars]
    drawing.add(KINDS[name], [count for _, count in bars])
    rendered: bytes = drawing.render()
    return rendered


def _without_scripts(root: Any) -> Any:
    """Leave out what the library adds for a page of its own."""
    for parent in list(root.iter()):
        for child in [child for child in parent if str(child.tag).rpartition("}")[2] == "script"]:
            parent.remove(child)
    return root


def _style(dark: bool) -> Style:
    style = DARK if dark else LIGHT
    # Its own points to a font on another host.
    style.font_family = "system-ui, sans-serif"
    style.foreground_strong = style.foreground_subtle = style.foreground
    style.label_font_size = style.major_label_font_size = 12
    return style


def _steps(highest: int) -> list[int]:
    """Return whole numbers up the side: a few, and none twice."""
    step = max(1, -(-highest // STEPS))
    return list(range(0, max(highest, 1) + step, step))


def _grouped(name: str, hours: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Many hours are drawn as fewer bars, so that a month is no thicket."""
    size = -(-len(hours) // BARS)
    form = "%H:%M" if len(hours) <= BARS else "%m-%d"
    parts = [hours[start : start + size] for start in range(0, len(hours), size)]
    return [(f"{moment(part[0]['hour_ms']):{form}}", sum(hour[name] for hour in part)) for part in parts]
