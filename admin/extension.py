"""What plugins add to the console, asked for with an answer in any case; and which of it who is signed in may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from admin.context import board
from bbs_core.platform.asking import LIMIT_S, Answer, ask_cards, ask_page, check, late, parts, perform
from bbs_core.platform.discovery import Plugin
from bbs_core.platform.extension import Part
from bbs_core.platform.forms import Filled
from bbs_core.staff import Scope

T = TypeVar("T")
# Beyond what the plugin has, for a loop that is busy. It may also be blocked; then nobody there can say so.
MOMENT_S = 0.25
# The page of a plugin has links to all of its pages.
ENTRIES_LIMIT = 60


class Entry(NamedTuple):
    """An entry of the navigation."""

    label: str
    plugin: str
    page: str


class Card(NamedTuple):
    """A card of the dashboard."""

    plugin: Plugin
    part: Part
    answer: Answer


def entries(granted: Collection[Scope]) -> list[Entry]:
    """Return the pages of plugins for whoever has these rights, by what they are called."""
    found = parts(board().calls.plugins, "pages", granted)
    counts = Counter(page.title for _, page in found)
    labels = [page.title if counts[page.title] == 1 else f"{page.title} ({plugin.name})" for plugin, page in found]
    made = [Entry(label, plugin.name, page.name) for label, (plugin, page) in zip(labels, found, strict=True)]
    return sorted(made, key=lambda one: (one.label.casefold(), one.plugin))[:ENTRIES_LIMIT]


def shown_page(plugin: Plugin, page: Part, query: dict[str, str], staff: str) -> Answer:
    """Return what a page shows."""
    return _waited(ask_page(plugin, page, query, staff), LIMIT_S, late(plugin))


def cards(granted: Collection[Scope]) -> list[Card]:
    """Return the cards of the dashboard for whoever has these rights; one that has nothing to say is not shown."""
    found = parts(board().calls.plugins, "cards", granted)
    if not found:
        return []
    answers = [late(plugin) for plugin, _ in found]
    _waited(ask_cards(found, answers), LIMIT_S, None)
    made = [Card(plugin, part, answer) for (plugin, part), answer in zip(found, answers, strict=True)]
    return [one for one in made if one.answer.blocks or one.answer.problem]


@contextmanager
def room() -> Iterator[bool]:
    """Yield whether there is room for an action, and keep it until the end."""
    acting = board().acting
    is_free = acting.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            acting.release()


def filled(plugin: Plugin, action: Part, typed: dict[str, str]) -> Filled | Answer:
    """Return what was typed into a form as values, or why that cannot be told."""
    return _waited(check(plugin, action, typed), _deadline_s(plugin), late(plugin))


def performed(plugin: Plugin, action: Part, values: Filled, staff: str) -> Answer:
    """Do an action and return what it answers."""
    return _waited(perform(plugin, action, values, staff), _deadline_s(plugin), late(plugin))


def _waited(call: Coroutine[Any, Any, T], limit_s: float, otherwise: T) -> T:
    try:
        return board().calls.wait_for(call, limit_s + MOMENT_S)
    except TimeoutError:
        return otherwise


def _deadline_s(plugin: Plugin) -> float:
    return plugin.runner.deadline_s if plugin.runner else LIMIT_S
