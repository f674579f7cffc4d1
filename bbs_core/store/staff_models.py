"""What staff have and do, as SQLAlchemy models: themselves, logins and tokens, sanctions, reports, and the ledger.

Times are milliseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as text_
from sqlalchemy.orm import Mapped, mapped_column

from bbs_core.store.models import Model, RowId, Sorted

# Of long names only the beginning is indexed: PostgreSQL refuses a B-tree over the rest.
ACTOR_KEY_CHARACTERS = 64


class Staff(Model):
    """Someone who may enter the console."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    created_at_ms: Mapped[int]
    disabled_at_ms: Mapped[int | None]
    # Of the second factor: its secret once it is confirmed, and the last step that was used, as none is good twice.
    totp_secret: Mapped[str | None]
    totp_step: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class RecoveryCode(Model):
    """A code in the place of the second factor, good once; only its digest is kept."""

    __tablename__ = "recovery_codes"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    used_at_ms: Mapped[int | None]


class Login(Model):
    """A member of staff in a browser; only the digest of what the cookie says is kept."""

    __tablename__ = "logins"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    opened_at_ms: Mapped[int]
    seen_at_ms: Mapped[int]
    until_ms: Mapped[int]
    # When the password, or the second factor, was last shown here.
    proved_at_ms: Mapped[int]
    address: Mapped[str]
    agent: Mapped[str]
    ended_at_ms: Mapped[int | None]


class Throttle(Model):
    """How many failures are still counted against an address or an account; the key is a digest."""

    __tablename__ = "throttles"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    at_ms: Mapped[int] = mapped_column(index=True)


class Token(Model):
    """A bearer token for the REST API; only its digest is kept."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[str]
    created_at_ms: Mapped[int]
    expires_at_ms: Mapped[int]
    last_used_at_ms: Mapped[int | None]
    revoked_at_ms: Mapped[int | None]


class Replay(Model):
    """The answer to a request with an idempotency key, for whoever sends it again."""

    __tablename__ = "replays"

    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id"), primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    body: Mapped[str]
    at_ms: Mapped[int] = mapped_column(index=True)


class Setting(Model):
    """A setting that was changed at run time, as JSON."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    version: Mapped[int]


class Sanction(Model):
    """A ban or a mute of a name, an address or a network."""

    __tablename__ = "sanctions"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    measure: Mapped[str]
    kind: Mapped[str]
    value: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    reason: Mapped[str]
    note: Mapped[str]
    created_at_ms: Mapped[int]
    expires_at_ms: Mapped[int | None]
    lifted_at_ms: Mapped[int | None]

    __table_args__ = (
        Index("ix_sanctions_measure_id", "measure", "id"),
        Index(
            "ix_sanctions_in_force",
            "id",
            sqlite_where=text_("lifted_at_ms IS NULL"),
            postgresql_where=text_("lifted_at_ms IS NULL"),
        ),
    )


class Remark(Model):
    """What staff note of a user, for each other."""

    __tablename__ = "remarks"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    author: Mapped[str]
    text: Mapped[str]
    at_ms: Mapped[int]


class Report(Model):
    """A user's word that staff should look at a post or a message; `kind` is "post" or "message"."""

    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    kind: Mapped[str]
    target_id: Mapped[int]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    words: Mapped[str]
    at_ms: Mapped[int]
    closed_at_ms: Mapped[int | None]
    outcome: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("kind", "target_id", "user_id"),
        Index(
            "ix_reports_open",
            "id",
            sqlite_where=text_("closed_at_ms IS NULL"),
            postgresql_where=text_("closed_at_ms IS NULL"),
        ),
    )


class Claim(Model):
    """Who looks at an item of the review queue, until when."""

    __tablename__ = "claims"

    kind: Mapped[str] = mapped_column(primary_key=True)
    target_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    until_ms: Mapped[int]


class Act(Model):
    """A row of the ledger: never changed, and chained by a keyed digest to the row before (bbs_core/ledger.py)."""

    __tablename__ = "acts"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    at_ms: Mapped[int]
    actor_kind: Mapped[str]
    actor: Mapped[str]
    via: Mapped[str]
    action: Mapped[str]
    target_kind: Mapped[str]
    target_id: Mapped[str]
    before: Mapped[str]
    after: Mapped[str]
    reason: Mapped[str]
    parent_id: Mapped[int | None]
    undoes_id: Mapped[int | None]
    digest: Mapped[bytes]

    __table_args__ = (
        Index("ix_acts_target_kind_id", "target_kind", "id"),
        Index("ix_acts_target_id_id", "target_id", "id"),
        Index("ix_acts_action_id", "action", "id"),
        Index("ix_acts_undoes_id", "undoes_id"),
        Index("ix_acts_parent_id", "parent_id"),
    )


class ActText(Model):
    """A name, text or address that an act speaks of: the act holds only `digest`, so that this row can be erased."""

    __tablename__ = "act_texts"

    digest: Mapped[str] = mapped_column(primary_key=True)
    act_id: Mapped[int] = mapped_column(ForeignKey("acts.id"), index=True)
    salt: Mapped[bytes]
    text: Mapped[str]
    # The beginning of the name of whoever acted, by which acts are found; of other texts nothing.
    actor_key: Mapped[str] = mapped_column(Sorted, default="", server_default=text_("''"))

    __table_args__ = (Index("ix_act_texts_actor_key_act_id", "actor_key", "act_id"),)


def actor_key(name: str) -> str:
    """Return the key by which the acts of someone are found."""
    return name[:ACTOR_KEY_CHARACTERS]


class IncidentRow(Model):
    """What went wrong in a plugin, and where in its code; `incident` is the number that its user has read."""

    __tablename__ = "incidents"
    __table_args__ = (Index("ix_incidents_plugin_id", "plugin", "id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    incident: Mapped[str] = mapped_column(index=True)
    at_ms: Mapped[int]
    plugin: Mapped[str]
    hook: Mapped[str]
    username: Mapped[str]
    late: Mapped[bool]
    trace: Mapped[str]
