"""Taking an act back: the opposite act, which names the one that it undoes (docs/ledger.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.moderation import hide_post, hold_post, restore_post
from bbs_core.plugin_options import SETTINGS, is_secret
from bbs_core.plugin_options import put_back as put_options_back
from bbs_core.plugin_switches import disable_plugin, enable_plugin
from bbs_core.runtime_settings import put_back
from bbs_core.sanctions import lift, reinstate
from bbs_core.settings import Settings
from bbs_core.staff import Scope, disable_staff, enable_staff
from bbs_core.store.staff_models import Act
from bbs_core.wording import checked_reason

BULK = "bulk"


class Undo:
    """One undoing: who takes back which act, and why."""

    def __init__(self, connection: sa.Connection, ledger: Ledger, actor: Actor, start: Settings, reason: str) -> None:
        self.connection = connection
        self.ledger = ledger
        self.actor = actor
        self.start = start
        self.reason = checked_reason(reason)

    def run(self, act_id: int) -> int:
        """Take an act back, with all that was done as a part of it; returns the id of the act that does so.

        Raises NotFound, InvalidAct where it cannot be taken back, Conflict where it was, or its target has changed.
        """
        act = self._act(act_id)
        reversal = REVERSALS.get(act["action"])
        if reversal is None:
            raise InvalidAct(f"{act['action']} cannot be undone.")
        undone_by = self._undone_by(act_id)
        if undone_by is not None:
            raise Conflict(f"Act {act_id} was undone already, by act {undone_by}.")
        if act["target_kind"] == BULK:
            return self._run_parts(act, self._parent(act))
        done = reversal(self, act, {"undoes_id": act_id})
        self._run_parts(act, done)
        return done

    def _run_parts(self, act: sa.RowMapping, parent_id: int) -> int:
        """Take back the parts of an act; one that has changed since, or was undone alone, stays as it is."""
        query = sa.select(Act.__table__).where(Act.parent_id == act["id"]).order_by(Act.id.desc())
        for part in self.connection.execute(query).mappings().all():
            reversal = REVERSALS.get(part["action"])
            if reversal is None or self._undone_by(part["id"]) is not None:
                continue
            try:
                with self.connection.begin_nested():
                    reversal(self, part, {"undoes_id": part["id"], "parent_id": parent_id})
            except Conflict:
                continue
        return parent_id

    def _parent(self, act: sa.RowMapping) -> int:
        entry = Entry(self.actor, act["action"], BULK, "", self.reason, undoes_id=act["id"])
        return self.ledger.write(self.connection, entry)

    def _act(self, act_id: int) -> sa.RowMapping:
        found = self.connection.execute(sa.select(Act.__table__).where(Act.id == act_id)).mappings().one_or_none()
        if found is None:
            raise NotFound(f"There is no act {act_id}.")
        return found

    def _undone_by(self, act_id: int) -> int | None:
        return self.connection.execute(sa.select(Act.id).where(Act.undoes_id == act_id)).scalar()


def undo(connection: sa.Connection, ledger: Ledger, actor: Actor, start: Settings, act_id: int, reason: str) -> int:
    """Take an act back; see `Undo.run`."""
    return Undo(connection, ledger, actor, start, reason).run(act_id)


Reversal = Callable[[Undo, Mapping[Any, Any], Links], int]


def _numbered(function: Callable[..., int]) -> Reversal:
    """The opposite is a function of the target's number."""

    def reverse(by: Undo, act: Mapping[Any, Any], links: Links) -> int:
        return function(by.connection, by.ledger, by.actor, int(act["target_id"]), by.reason, **links)

    return reverse


def _of_plugin(function: Callable[..., int]) -> Reversal:
    def reverse(by: Undo, act: Mapping[Any, Any], links: Links) -> int:
        return function(by.connection, by.ledger, by.actor, by.start, act["target_id"], by.reason, **links)

    return reverse


def _setting(by: Undo, act: Mapping[Any, Any], links: Links) -> int:
    return put_back(by.connection, by.ledger, by.actor, act, by.start, by.reason, **links)


def _options(by: Undo, act: Mapping[Any, Any], links: Links) -> int:
    return put_options_back(by.connection, by.ledger, by.actor, act, by.reason, **links)


def _hidden(by: Undo, act: Mapping[Any, Any], links: Links) -> int:
    """A post that waited for its review when it was hidden waits again."""
    was_held = '"held"' in act["before"]
    return _numbered(hold_post if was_held else restore_post)(by, act, links)


# What each act that can be taken back is taken back by; docs/ledger.md lists them, and those that cannot be.
REVERSALS: Mapping[str, Reversal] = {
    "post.hide": _hidden,
    "post.restore": _numbered(hide_post),
    "post.approve": _numbered(hold_post),
    "ban.add": _numbered(lift),
    "ban.lift": _numbered(reinstate),
    "ban.reinstate": _numbered(lift),
    "mute.add": _numbered(lift),
    "mute.lift": _numbered(reinstate),
    "mute.reinstate": _numbered(lift),
    "setting.change": _setting,
    "plugin.enable": _of_plugin(disable_plugin),
    "plugin.disable": _of_plugin(enable_plugin),
    SETTINGS: _options,
    "staff.disable": _numbered(enable_staff),
    "staff.enable": _numbered(disable_staff),
}

# What taking an act back takes, as doing it did; by the beginning of its name.
_SCOPES: Mapping[str, Scope] = {
    "post": Scope.POSTS_MODERATE,
    "ban": Scope.USERS_MODERATE,
    "mute": Scope.USERS_MODERATE,
    "setting": Scope.SETTINGS_WRITE,
    "plugin": Scope.PLUGINS_WRITE,
    "staff": Scope.STAFF_WRITE,
}


def is_reversible(action: str, after: Mapping[str, Any]) -> bool:
    """Whether an act of this kind, and with this outcome, can be taken back."""
    return action in REVERSALS and not (action == SETTINGS and is_secret(after))


def scope_of(action: str) -> Scope:
    """Return the right that taking back such an act needs."""
    return _SCOPES[action.partition(".")[0]]
