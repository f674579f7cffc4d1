"""The ledger: one row for each act of staff, written in the transaction of its effect and chained by a keyed digest.

Names, texts and addresses stand in an erasable table beside it; the chained row holds their salted digests, so that
erasing a text leaves the chain whole (docs/decisions/0006-ledger.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import sqlalchemy as sa

from bbs_core import keys
from bbs_core.clock import now_ms
from bbs_core.store.staff_models import Act, ActText, text_key

KEY_FILE = "ledger.key"
SALT_BYTES = 16
ACT_LIMIT = 1000


@dataclass(frozen=True)
class Actor:
    """Who acts, and through what: `console`, `token`, `cli` or `plugin`."""

    kind: str
    name: str
    via: str
    staff_id: int | None = None


@dataclass(frozen=True)
class Entry:
    """What is to be written of one act; `before` and `after` hold no texts of people."""

    actor: Actor
    action: str
    target_kind: str
    target_id: str
    reason: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    parent_id: int | None = None
    undoes_id: int | None = None


class Links(TypedDict, total=False):
    """How an act hangs together with others: the bulk act that it is a part of, or the act that it undoes."""

    parent_id: int | None
    undoes_id: int | None


class Ledger:
    """Write and check the chain; the key stays outside the database."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, connection: sa.Connection, entry: Entry) -> int:
        """Append an act within the transaction of its effect; returns its id."""
        last = connection.execute(sa.select(Act.id, Act.digest).order_by(Act.id.desc()).limit(1)).one_or_none()
        act_id, previous = (last.id + 1, last.digest) if last else (1, b"")
        texts = {name: _Sealed.of(text) for name, text in (("actor", entry.actor.name), ("reason", entry.reason))}
        row = {
            "id": act_id,
            "at_ms": now_ms(),
            "actor_kind": entry.actor.kind,
            "via": entry.actor.via,
            "action": entry.action,
            "target_kind": entry.target_kind,
            "target_id": entry.target_id,
            "before": json.dumps(entry.before, sort_keys=True),
            "after": json.dumps(entry.after, sort_keys=True),
            "parent_id": entry.parent_id,
            "undoes_id": entry.undoes_id,
            **{name: sealed.digest for name, sealed in texts.items()},
        }
        connection.execute(sa.insert(Act).values(**row, digest=self._digest(row, previous)))
        for sealed in texts.values():
            values = {
                "digest": sealed.digest,
                "act_id": act_id,
                "salt": sealed.salt,
                "text": sealed.text,
                "text_key": text_key(sealed.text),
            }
            connection.execute(sa.insert(ActText).values(**values))
        return act_id

    def verify(self, connection: sa.Connection) -> list[str]:
        """Return a sentence for each place where the chain does not hold; none where all is as it was written."""
        return list(self._faults(connection))

    def _faults(self, connection: sa.Connection) -> Iterator[str]:
        previous, expected_id = b"", 1
        for act in connection.execute(sa.select(Act.__table__).order_by(Act.id)).mappings():
            if act["id"] != expected_id:
                yield f"Act {expected_id} is missing."
            row = {key: value for key, value in act.items() if key != "digest"}
            if not hmac.compare_digest(self._digest(row, previous), bytes(act["digest"])):
                yield f"Act {act['id']} is not as it was written."
            previous, expected_id = bytes(act["digest"]), act["id"] + 1
        for text in connection.execute(sa.select(ActText.__table__)).mappings():
            if _Sealed.digest_of(bytes(text["salt"]), text["text"]) != text["digest"]:
                yield f"A text of act {text['act_id']} is not as it was written."

    def _digest(self, row: dict[str, Any], previous: bytes) -> bytes:
        data = json.dumps(row, sort_keys=True).encode()
        return hmac.new(self._key, previous + data, hashlib.sha256).digest()


@dataclass(frozen=True)
class _Sealed:
    salt: bytes
    text: str
    digest: str

    @classmethod
    def of(cls, text: str) -> _Sealed:
        salt = secrets.token_bytes(SALT_BYTES)
        return cls(salt, text, cls.digest_of(salt, text))

    @staticmethod
    def digest_of(salt: bytes, text: str) -> str:
        return hashlib.sha256(salt + text.encode()).hexdigest()


def last_act_id(connection: sa.Connection) -> int:
    """Return the id of the newest act, 0 where there is none."""
    return connection.execute(sa.select(sa.func.max(Act.id))).scalar() or 0


def acts_after(connection: sa.Connection, act_id: int) -> list[sa.RowMapping]:
    """Return the acts after an id, oldest first, at most ACT_LIMIT, each with its reason as `reason_text`."""
    query = (
        sa.select(Act.__table__, ActText.text.label("reason_text"))
        .outerjoin(ActText, ActText.digest == Act.reason)
        .where(Act.id > act_id)
        .order_by(Act.id)
        .limit(ACT_LIMIT)
    )
    return list(connection.execute(query).mappings())


def open_key(data: Path) -> bytes:
    """Return the key of the chain, which stands in the data folder. Raises StoreError."""
    return keys.open_key(data / KEY_FILE)
