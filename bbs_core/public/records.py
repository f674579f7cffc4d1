"""What was committed, as plugins hear of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Post:
    """A post that is shown."""

    id: int
    username: str
    address: str
    text: str
    at_ms: int


@dataclass(frozen=True)
class Count:
    """How many posts `list` shows, and how many earlier ones its window leaves out."""

    shown: int
    left_out: int


@dataclass(frozen=True)
class Message:
    """A direct message."""

    id: int
    sender: str
    recipient: str
    text: str
    at_ms: int


@dataclass(frozen=True)
class Act:
    """A row of the ledger: what staff, a plugin or the operator did."""

    id: int
    actor_kind: str
    action: str
    target_kind: str
    target_id: str
    reason: str
    at_ms: int
