"""The ledger: one row for each act of staff, written in the transaction of its effect and chained by a keyed digest.

Names, texts and addresses stand in an erasable table beside it; the chained row holds their salted digests, so that
erasing a text leaves the chain whole (docs/decisions/0006-ledger.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import sqlalchemy as sa

from bbs_core import keys
from bbs_core.clock import now_ms
from bbs_core.ledger_head import Head
from bbs_core.store.staff_models import Act, ActText, actor_key

KEY_FILE = "ledger.key"
HEAD_FILE = "ledger.head"
SALT_BYTES = 16
ACT_LIMIT = 1000
ROWS_AT_A_TIME = 500
# Of the texts of an act the one that it is found by.
ACTOR = "actor"


@dataclass(frozen=True)
class Actor:
    """Who acts, and through what: `console`, `token`, `cli` or `plugin`; `scopes` are a token's, None is no limit."""

    kind: str
    name: str
    via: str
    staff_id: int | None = None
    scopes: frozenset[str] | None = None


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
    # Names, texts and addresses that the act speaks of, by what they are.
    texts: dict[str, str] = field(default_factory=dict)

    def all_texts(self) -> dict[str, str]:
        """Return all that can be erased: who acted, why, and what else is named."""
        return {ACTOR: self.actor.name, "reason": self.reason, **self.texts}

    def columns(self, digests: dict[str, str]) -> dict[str, Any]:
        """Return the chained row, which has the digest of each text in its place."""
        after = {**self.after, **{f"{name}_digest": digests[name] for name in self.texts}}
        return {
            "actor_kind": self.actor.kind,
            "actor": digests[ACTOR],
            "via": self.actor.via,
            "action": self.action,
            "target_kind": self.target_kind,
            "target_id": self.target_id,
            "before": json.dumps(self.before, sort_keys=True),
            "after": json.dumps(after, sort_keys=True),
            "reason": digests["reason"],
            "parent_id": self.parent_id,
            "undoes_id": self.undoes_id,
        }


class Links(TypedDict, total=False):
    """How an act hangs together with others: the bulk act that it is a part of, or the act that it undoes."""

    parent_id: int | None
    undoes_id: int | None


class Ledger:
    """Write and check the chain; the key stays outside the database."""

    def __init__(self, key: bytes, head: Head | None = None) -> None:
        self._key = key
        self._head = head

    def write(self, connection: sa.Connection, entry: Entry) -> int:
        """Append an act within the transaction of its effect; returns its id."""
        return self.write_all(connection, [entry])[0]

    def write_all(self, connection: sa.Connection, entries: Sequence[Entry]) -> list[int]:
        """Append many acts as `write` does one, at the cost of a few statements; returns their ids."""
        last = connection.execute(sa.select(Act.id, Act.digest).order_by(Act.id.desc()).limit(1)).one_or_none()
        act_id, previous = (last.id, last.digest) if last else (0, b"")
        rows, texts, at_ms = [], [], now_ms()
        for entry in entries:
            act_id += 1
            sealed = {name: _Sealed.of(text) for name, text in entry.all_texts().items()}
            row = {**entry.columns({name: one.digest for name, one in sealed.items()}), "id": act_id, "at_ms": at_ms}
            previous = self._digest(row, previous)
            rows.append({**row, "digest": previous})
            texts += [one.row(act_id, name) for name, one in sealed.items()]
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            connection.execute(sa.insert(Act), rows[start : start + ROWS_AT_A_TIME])
        for start in range(0, len(texts), ROWS_AT_A_TIME):
            connection.execute(sa.insert(ActText), texts[start : start + ROWS_AT_A_TIME])
        return [row["id"] for row in rows]

    def verify(self, connection: sa.Connection) -> list[str]:
        """Return a sentence for each place where the chain does not hold; none where all is as it was written."""
        return [*self._faults(connection), *self._cut(connection)]

    def remember(self, act_id: int, digest: bytes) -> None:
        """Note outside the database how far the chain went, so that a cut end or an old copy is found."""
        if self._head is not None:
            self._head.move_to(act_id, digest)

    def remember_last(self, connection: sa.Connection) -> None:
        """Remember the newest act that is committed."""
        last = connection.execute(sa.select(Act.id, Act.digest).order_by(Act.id.desc()).limit(1)).one_or_none()
        if last is not None:
            self.remember(last.id, bytes(last.digest))

    def _cut(self, connection: sa.Connection) -> Iterator[str]:
        noted = self._head.read() if self._head is not None else None
        if noted is None:
            return
        digest = connection.execute(sa.select(Act.digest).where(Act.id == noted.act_id)).scalar()
        if digest is None:
            yield (
                f"The ledger ends at act {last_act_id(connection)}, and act {noted.act_id} was written:"
                " its end was cut off, or an old copy was put back."
            )
        elif not hmac.compare_digest(bytes(digest), noted.digest):
            yield f"Act {noted.act_id} is another one than was written: an old copy was put back, and gone on with."

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

    def row(self, act_id: int, name: str) -> dict[str, Any]:
        """Return the erasable row; `name` says what the text is to the act."""
        values = {"digest": self.digest, "act_id": act_id, "salt": self.salt, "text": self.text}
        return {**values, "actor_key": actor_key(self.text) if name == ACTOR else ""}

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


def open_ledger(data: Path) -> Ledger:
    """Return the ledger whose key, and the note of its head, stand in a data folder. Raises StoreError."""
    return Ledger(open_key(data), Head(data / HEAD_FILE))


def open_key(data: Path) -> bytes:
    """Return the key of the chain, which stands in the data folder. Raises StoreError."""
    return keys.open_key(data / KEY_FILE)
