"""Someone of the staff in a test, who acts as from the console."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bbs_core import moderation, plugin_options, plugin_switches, presence, runtime_settings, sanctions, undo
from bbs_core.accounts import find_user
from bbs_core.erasure import Outcomes
from bbs_core.errors import UserError
from bbs_core.ledger import Actor, Ledger
from bbs_core.platform.asking import Answer, ask_cards, ask_page, check, entry, find, late, parts, perform
from bbs_core.platform.extension import Part
from bbs_core.proposals import Proposal
from bbs_core.public.console import Block, Text
from bbs_core.staff import Scope
from bbs_core.store.access import Connection
from bbs_core.testing import personal_data
from bbs_core.testing.running import Running

WHY = "a test"
HOUR_S = 3600


class Staff:
    """Acts with the rights of a role; each act is in the ledger, and its effect shows when it was awaited."""

    def __init__(self, board: Running, actor: Actor, granted: frozenset[Scope] = frozenset(Scope)) -> None:
        self.name = actor.name
        self._granted = granted
        self._board = board
        self._actor = actor

    async def hide(self, post_id: int, reason: str = WHY) -> None:
        """Hide a post."""
        await self._act(moderation.hide_post, post_id, reason)

    async def restore(self, post_id: int, reason: str = WHY) -> None:
        """Show a hidden post again."""
        await self._act(moderation.restore_post, post_id, reason)

    async def approve(self, post_id: int, reason: str = WHY) -> None:
        """Show a post that waits for its review."""
        await self._act(moderation.approve_post, post_id, reason)

    async def ban(self, name: str, reason: str = WHY, hours: int | None = None) -> None:
        """Keep a user out, for some hours or without an end."""
        await self._sanction("ban", name, reason, hours)

    async def mute(self, name: str, reason: str = WHY, hours: int | None = None) -> None:
        """Let a user read, and not write."""
        await self._sanction("mute", name, reason, hours)

    async def kick(self, name: str, reason: str = WHY) -> None:
        """End the sessions of a user."""

        def do(connection: Connection, ledger: Ledger, actor: Actor) -> int:
            return presence.kick_user(connection, ledger, actor, find_user(connection, name), reason)

        await self._act(do)

    async def change(self, settings: Mapping[str, Any], reason: str = WHY) -> None:
        """Change settings of the board, as in `{"board.mode": "hold"}`."""
        await self._act(runtime_settings.change, self._board.settings, settings, reason)

    async def configure(self, plugin: str, settings: Mapping[str, Any], reason: str = WHY) -> None:
        """Change settings of a plugin, as in `{"sides": 8}`."""
        app, start = self._board.app, self._board.settings
        desk = (app.access, app.ledger, self._actor, start, app.plugins.configured)
        await asyncio.to_thread(plugin_options.change, *desk, plugin, settings, reason)
        await self._board.do(self._board.quiet())

    async def enable(self, plugin: str, reason: str = WHY) -> None:
        """Switch a plugin on, or let it out of quarantine."""
        await self._switch(plugin_switches.enable_plugin, plugin, reason)

    async def disable(self, plugin: str, reason: str = WHY) -> None:
        """Switch a plugin off."""
        await self._switch(plugin_switches.disable_plugin, plugin, reason)

    async def open(self, plugin: str, page: str, **query: str) -> Sequence[Block]:
        """Return what a page of a plugin shows. Raises NotFound, Forbidden, UserError with what is said for it."""
        found = find(self._board.app.plugins, plugin, "pages", _address(page), self._granted)
        return _content(await self._board.settle(ask_page(*found, query, self.name)))

    async def cards(self, plugin: str) -> dict[str, Sequence[Block]]:
        """Return what the cards of a plugin show that have something to say, by the names of their functions."""
        found = [one for one in parts(self._board.app.plugins, "cards", self._granted) if one[0].name == plugin]
        answers = [late(plugin) for plugin, _ in found]
        await self._board.settle(ask_cards(found, answers))
        shown = [answer.content or ([Text(answer.problem)] if answer.problem else []) for answer in answers]
        named = zip([card.function.__name__ for _, card in found], shown, strict=True)
        return {name: content for name, content in named if content}

    async def act(self, plugin: str, action: str, /, *, reason: str = "", **typed: str) -> Sequence[Block]:
        """Send the form of a plugin's action, as it is typed, and return what it answers. Raises as `open` does."""
        found, part = find(self._board.app.plugins, plugin, "actions", _address(action), self._granted)
        _check_typed(part, typed)
        filled = await self._board.do(check(found, part, typed))
        if isinstance(filled, Answer):
            return _content(filled)
        if filled.problems:
            raise UserError(" ".join(f"{name}: {what}" for name, what in filled.problems.items()))
        if part.records:
            told = entry(found, part, filled, self._actor, reason)
            await self._board.write(lambda connection: self._board.app.ledger.write(connection, told))
        return _content(await self._board.settle(perform(found, part, filled, self.name)))

    async def export(self, name: str) -> dict[str, Any]:
        """Return all that is kept of a user, what plugins gave under `plugins`."""
        return await asyncio.to_thread(personal_data.export, self._board, name)

    async def erase(self, name: str, reason: str = WHY, force: bool = False) -> Outcomes:
        """Erase a user; returns whether they are `erased`, and under `plugins` what each plugin said."""
        outcomes = await asyncio.to_thread(personal_data.erase, self._board, self._actor, name, reason, force)
        await self._board.do(self._board.quiet())
        return outcomes

    async def undo(self, act_id: int, reason: str = WHY) -> None:
        """Take an act back."""
        await self._act(undo.undo, self._board.settings, act_id, reason)

    async def _switch(self, function: Callable[..., int], plugin: str, reason: str) -> None:
        # Staff know of plugins what the server has told last.
        await self._board.do(self._board.app.heartbeat.tell())
        await self._act(function, self._board.settings, plugin, reason)

    async def _sanction(self, measure: str, name: str, reason: str, hours: int | None) -> None:
        ends_s = hours * HOUR_S if hours else None
        proposal = Proposal(measure, "user", name, reason, expires_in_s=ends_s, force=True)
        await self._act(sanctions.add, proposal)

    async def _act(self, function: Callable[..., Any], *arguments: Any) -> None:
        ledger, actor = self._board.app.ledger, self._actor
        await self._board.write(lambda connection: function(connection, ledger, actor, *arguments))


def _check_typed(action: Part, typed: Mapping[str, str]) -> None:
    assert action.form is not None
    for name, text in typed.items():
        if name not in action.form.names or not isinstance(text, str):
            raise TypeError(f"What is typed is a text for one of {', '.join(action.form.names)}, not {name}={text!r}.")


def _address(function: str) -> str:
    return function.replace("_", "-")


def _content(answer: Answer) -> Sequence[Block]:
    if answer.problem:
        raise UserError(answer.problem)
    return answer.content
