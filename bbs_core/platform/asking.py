"""Ask plugins for what they show in the console, and have them do what its forms are for; in the loop's thread.

Whatever a plugin does, an answer comes: its blocks, or what is to be said in their place.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bbs_core.clock import now_ms
from bbs_core.errors import Forbidden, InvalidAct, NotFound, PluginError, UserError
from bbs_core.host import PluginSet
from bbs_core.ledger import Actor, Entry
from bbs_core.platform.content import Reader, Shown, parts_of
from bbs_core.platform.discovery import Plugin
from bbs_core.platform.extension import Part
from bbs_core.platform.forms import Filled
from bbs_core.platform.implementation import Implementation
from bbs_core.platform.runner import HookFailed, Runner
from bbs_core.public.console import Block, Text
from bbs_core.rows import encodable
from bbs_core.staff import Scope
from bbs_core.wording import checked_reason

ACTION = "plugin.action"
# For a page, and for all cards of the dashboard together: the whole page answers within a second.
LIMIT_S = 0.5
# Until a card that failed is asked again: dashboards refresh themselves, and a slow card is no reason to set all that
# its plugin does aside.
PAUSE_MS = 60_000
# Of what was typed into a form, in the ledger.
ARGUMENTS_CHARACTERS = 20_000


@dataclass(frozen=True)
class Answer:
    """What a plugin has answered, as it said it and as it is shown; or the `problem`, with its incident if it failed.

    Where it was `refused`, the plugin itself has said why.
    """

    content: Sequence[Block] = ()
    blocks: Sequence[Shown] = ()
    problem: str = ""
    incident: str = ""
    refused: bool = False


def find(plugins: PluginSet, plugin: str, kind: str, name: str, granted: Collection[Scope]) -> tuple[Plugin, Part]:
    """Return a plugin and its part of this kind and name. Raises NotFound, and Forbidden without the right."""
    for one in plugins.plugins:
        part = getattr(one.extension, kind).get(name)
        if one.name == plugin and one.state in ("loaded", "quarantined") and part is not None:
            if part.scope not in granted:
                raise Forbidden(f"This needs the right {part.scope}, which is not granted.")
            return one, part
    raise NotFound(f"No plugin {plugin[:60]!r} with {name[:60]!r} among its {kind} is at work.")


def parts(plugins: PluginSet, kind: str, granted: Collection[Scope]) -> list[tuple[Plugin, Part]]:
    """Return all parts of a kind that are for whoever has these rights, with their plugins."""
    at_work = [one for one in plugins.plugins if one.state in ("loaded", "quarantined")]
    found = [(one, part) for one in at_work for part in getattr(one.extension, kind).values()]
    return [(one, part) for one, part in found if part.scope in granted]


async def ask_page(plugin: Plugin, page: Part, query: Mapping[str, str], staff: str) -> Answer:
    """Return what a page shows to someone of the staff."""
    return await _ask(plugin, page, {"query": dict(query), "staff": staff}, LIMIT_S)


async def ask_cards(cards: Sequence[tuple[Plugin, Part]], answers: list[Answer]) -> None:
    """Put what the cards show into the places of `answers`, each as it comes; all are asked at once."""

    async def ask(place: int, plugin: Plugin, card: Part) -> None:
        answers[place] = await _ask_card(plugin, card)

    await asyncio.gather(*(ask(place, *card) for place, card in enumerate(cards)))


def late(plugin: Plugin) -> Answer:
    """Return what is to be said of a plugin that has not answered in time."""
    return Answer(problem=f"The plugin {plugin.name} did not answer in time.")


async def check(plugin: Plugin, action: Part, typed: Mapping[str, str]) -> Filled | Answer:
    """Return what was typed into an action's form as its values, or an answer where that cannot be found out."""
    runner = _runner(plugin)
    if runner.off:
        return _set_aside(plugin)
    assert action.form is not None
    read = Implementation(action.hook, action.form.read, runner)
    try:
        filled: Filled = await read.call({"texts": typed})
        return await _with_users(runner, action, filled)
    except (HookFailed, UserError) as error:
        return _problem(error)


async def perform(plugin: Plugin, action: Part, filled: Filled, staff: str) -> Answer:
    """Do an action and return what it answers; that it is done is to stand in the ledger before."""
    return await _ask(plugin, action, {**filled.values, "staff": staff}, None)


def entry(plugin: Plugin, action: Part, filled: Filled, actor: Actor, reason: str) -> Entry:
    """Return what the ledger is to say of an action before it is done; `reason` may be empty. Raises InvalidAct."""
    told = encodable(json.dumps(filled.told, ensure_ascii=False))
    if len(told) > ARGUMENTS_CHARACTERS:
        raise InvalidAct(f"A form takes at most {ARGUMENTS_CHARACTERS:,} characters.")
    why = checked_reason(reason) if reason.strip() else ""
    texts = {"arguments": told} if filled.told else {}
    return Entry(actor, ACTION, "plugin", plugin.name, why, after={"action": action.name}, texts=texts)


async def _ask_card(plugin: Plugin, card: Part) -> Answer:
    kept = plugin.extension.failed
    failed = kept.get(card.name)
    if failed is not None and now_ms() < failed[0]:
        kept_answer: Answer = failed[1]
        return kept_answer
    # It stands here also where this is given up, as the card has kept the loop.
    answer = given_up = late(plugin)
    try:
        answer = await _ask(plugin, card, {}, LIMIT_S)
    finally:
        kept.pop(card.name, None)
        if answer is given_up or answer.incident:
            kept[card.name] = now_ms() + PAUSE_MS, answer
    return answer


async def _ask(plugin: Plugin, part: Part, values: Mapping[str, Any], limit_s: float | None) -> Answer:
    runner = _runner(plugin)
    if runner.off:
        return _set_aside(plugin)
    try:
        answered = await Implementation(part.hook, part.function, runner, limit_s).call(values)
        return _read(plugin, part, answered)
    except (HookFailed, UserError) as error:
        return _problem(error)


def _read(plugin: Plugin, part: Part, answered: Any) -> Answer:
    try:
        found = parts_of(answered)
        blocks = Reader(plugin.extension, forms=part.kind != "card").blocks(found)
    except Exception as error:
        raise _runner(plugin).failure(part.hook, error) from error
    return Answer([Text(one) if isinstance(one, str) else one for one in found], blocks)


async def _with_users(runner: Runner, action: Part, filled: Filled) -> Filled:
    """Put the users in the place of their names."""
    assert action.form is not None
    values, problems = dict(filled.values), dict(filled.problems)
    for name in action.form.users:
        if name in values:
            typed = values[name]
            values[name] = await runner.server.user(typed)
            if values[name] is None:
                problems[name] = f"There is no user {typed[:60]}."
    return Filled(values, filled.told, problems)


def _runner(plugin: Plugin) -> Runner:
    if plugin.runner is None:
        raise PluginError(f"{plugin.name} is not at work.")
    return plugin.runner


def _set_aside(plugin: Plugin) -> Answer:
    return Answer(problem=f"The plugin {plugin.name} was set aside. {plugin.reason} Enable it or reload it to go on.")


def _problem(error: HookFailed | UserError) -> Answer:
    if isinstance(error, HookFailed):
        return Answer(problem=str(error), incident=error.incident)
    return Answer(problem=encodable(str(error)), refused=True)
