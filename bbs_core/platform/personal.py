"""What plugins keep of a user: asked of each on its own, so that one that fails is named and keeps no other back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bbs_core.errors import BBSError, PluginError
from bbs_core.host import PluginSet
from bbs_core.personal_data import Outcome, Reply
from bbs_core.platform.calls import Calls
from bbs_core.platform.implementation import Implementation
from bbs_core.platform.relay import HookCall
from bbs_core.public.lines import User
from bbs_core.rows import encodable

# Of what one plugin gives: it is a part of a file that people read, and no backup.
DATA_CHARACTERS = 1_000_000
SENTENCE_CHARACTERS = 1000
# Beyond their deadlines, when the loop is busy.
PATIENCE_S = 5.0

Understand = Callable[[str, Any], Reply]


def export(calls: Calls, user: User) -> list[Reply]:
    """Ask each plugin for what it keeps of a user, from any thread but the loop's; raises nothing."""
    plugins = calls.plugins
    return _ask(calls, plugins.hooks.bbs_export_user, user, _exported) + silent(plugins, "exported")


def forget(calls: Calls, user: User) -> list[Reply]:
    """Have each plugin forget a user, as `export` asks them."""
    plugins = calls.plugins
    return _ask(calls, plugins.hooks.bbs_forget_user, user, _forgotten) + silent(plugins, "erased")


def silent(plugins: PluginSet, done: str) -> list[Reply]:
    """Return a reply for each plugin that is not at work, and cannot be asked."""
    away = [one for one in plugins.plugins if one.state not in ("loaded", "replaced")]
    return [Reply(one.name, Outcome.OFF, f"It is {one.state}: what it keeps was not {done}.") for one in away]


def _ask(calls: Calls, hook: HookCall, user: User, understand: Understand) -> list[Reply]:
    asked = [function for function in hook.functions if not function.runner.off]
    patience_s = PATIENCE_S + 2 * max((one.runner.deadline_s for one in asked), default=0)
    try:
        return calls.wait_for(_replies(asked, user, understand), patience_s)
    except TimeoutError:
        return [Reply(one.runner.plugin, Outcome.FAILED, "It did not answer in time.") for one in asked]


async def _replies(asked: list[Implementation], user: User, understand: Understand) -> list[Reply]:
    """Each has a deadline of its own, so that all are asked at once."""
    return await asyncio.gather(*(_reply(function, user, understand) for function in asked))


async def _reply(function: Implementation, user: User, understand: Understand) -> Reply:
    runner = function.runner
    try:
        answer = await function.call({"user": user})
        try:
            # Off the loop: it may be large, and of a class that does as it likes.
            understood: Reply = await runner.bounded(asyncio.to_thread(understand, runner.plugin, answer))
            return understood
        except Exception as error:
            raise runner.failure(function.hook, error) from error
    except BBSError as error:
        return Reply(runner.plugin, Outcome.FAILED, encodable(str(error))[:SENTENCE_CHARACTERS])


def _exported(plugin: str, answer: Any) -> Reply:
    if answer is None:
        return Reply(plugin, Outcome.NOTHING, "It keeps nothing of this user.")
    text = json.dumps(dict(answer), ensure_ascii=False, allow_nan=False)
    if len(text) > DATA_CHARACTERS:
        raise PluginError(f"It exported more than {DATA_CHARACTERS:,} characters.")
    # As it will be read, whatever it was made of.
    return Reply(plugin, Outcome.ANSWERED, "", json.loads(encodable(text)))


def _forgotten(plugin: str, answer: Any) -> Reply:
    if answer is None:
        return Reply(plugin, Outcome.NOTHING, "It kept nothing of this user.")
    return Reply(plugin, Outcome.ANSWERED, encodable(answer)[:SENTENCE_CHARACTERS])
