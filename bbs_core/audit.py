"""The ledger as staff read it: acts with their texts, by filters, newest first."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bbs_core.errors import NotFound
from bbs_core.store.reads import span_of
from bbs_core.store.staff_models import Act, ActText, actor_key
from bbs_core.undo import is_reversible

PAGE_LIMIT = 200


@dataclass(frozen=True)
class ActQuery:
    """Which acts are wanted; what is None does not matter."""

    actor: str | None = None
    action: str | None = None
    target_kind: str | None = None
    target_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


def list_acts(
    connection: sa.Connection, query: ActQuery = ActQuery(), *, before_id: int | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return a page of acts, the newest first.

    Each has its columns, `actor_name`, `reason_text`, `texts` (what else it names), `undone_by`, and `undoable`.
    """
    chosen, places = sa.select(Act.__table__), [Act.id]
    if query.actor is not None:
        # Who acted stands among the texts, whose index has the acts of a name in their order.
        places = [ActText.act_id, Act.id]
        chosen = chosen.join(ActText, ActText.act_id == Act.id)
        chosen = chosen.where(ActText.actor_key == actor_key(query.actor), ActText.text == query.actor)
    span = span_of(connection, Act, query.since_ms, query.until_ms, before_id)
    chosen = chosen.where(*span.holds(*places), *_conditions(query))
    newest = chosen.order_by(places[0].desc()).limit(min(limit, PAGE_LIMIT + 1))
    return _dressed(connection, connection.execute(newest).mappings().all())


def get_act(connection: sa.Connection, act_id: int) -> dict[str, Any]:
    """Return one act as `list_acts` does. Raises NotFound."""
    found = connection.execute(sa.select(Act.__table__).where(Act.id == act_id)).mappings().all()
    if not found:
        raise NotFound(f"There is no act {act_id}.")
    return _dressed(connection, found)[0]


def _conditions(query: ActQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    for column, value in (
        (Act.action, query.action),
        (Act.target_kind, query.target_kind),
        (Act.target_id, query.target_id),
    ):
        if value is not None:
            found.append(column == value)
    return found


def _dressed(connection: sa.Connection, acts: Collection[sa.RowMapping]) -> list[dict[str, Any]]:
    ids = [act["id"] for act in acts]
    named = connection.execute(sa.select(ActText.digest, ActText.text).where(ActText.act_id.in_(ids)))
    texts = {row.digest: row.text for row in named}
    taken_back = connection.execute(sa.select(Act.undoes_id, Act.id).where(Act.undoes_id.in_(ids)))
    undone = {row.undoes_id: row.id for row in taken_back}
    return [_dress(act, texts, undone) for act in acts]


def _dress(act: sa.RowMapping, texts: dict[str, str], undone: dict[int | None, int]) -> dict[str, Any]:
    """A text that was erased is an empty one."""
    after = json.loads(act["after"])
    named = {name.removesuffix("_digest"): after.pop(name) for name in list(after) if name.endswith("_digest")}
    undone_by = undone.get(act["id"])
    return {
        **act,
        "before": json.loads(act["before"]),
        "after": after,
        "actor_name": texts.get(act["actor"], ""),
        "reason_text": texts.get(act["reason"], ""),
        "texts": {name: texts.get(digest, "") for name, digest in named.items()},
        "undone_by": undone_by,
        "undoable": undone_by is None and is_reversible(act["action"], after),
    }
