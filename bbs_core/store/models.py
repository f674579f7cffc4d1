"""All that is kept, as SQLAlchemy models; times are milliseconds since 1970-01-01 UTC."""

from __future__ import annotations

import hashlib

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData, Text
from sqlalchemy import text as text_
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAME_HASH_BYTES = 16

# SQLite numbers rows by itself only where the type is spelt INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")


def name_hash(name: str) -> bytes:
    """Return the key by which a name is unique: PostgreSQL refuses a B-tree over names of 9,999 characters."""
    return hashlib.blake2b(name.encode(), digest_size=NAME_HASH_BYTES).digest()


class Model(DeclarativeBase):
    """The root of the models: deterministic constraint names, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: BigInteger, str: Text, bytes: LargeBinary}  # noqa: RUF012


class User(Model):
    """A name on the board; one that was only ever written to has no visit yet."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
    name: Mapped[str]
    name_hash: Mapped[bytes] = mapped_column(unique=True)
    first_visit_at_ms: Mapped[int | None]
    last_visit_at_ms: Mapped[int | None] = mapped_column(index=True)
    visits: Mapped[int] = mapped_column(default=0, server_default="0")
    posts: Mapped[int] = mapped_column(default=0, server_default="0")
    messages: Mapped[int] = mapped_column(default=0, server_default="0")


class UserAddress(Model):
    """An address from which a user came."""

    __tablename__ = "user_addresses"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    first_visit_at_ms: Mapped[int]
    last_visit_at_ms: Mapped[int]
    visits: Mapped[int]

    __table_args__ = (Index("ix_user_addresses_address", "address"),)


class Post(Model):
    """A public post; `state` is one of `bbs_core.moderation.State`, and no post is ever deleted."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    address: Mapped[str]
    text: Mapped[str]
    at_ms: Mapped[int]
    state: Mapped[int] = mapped_column(Integer, default=0, server_default="0")

    __table_args__ = (
        Index("ix_posts_user_id_id", "user_id", "id"),
        # Only posts that are not shown are in it, so that visible ones pay nothing for it.
        Index(
            "ix_posts_state_id", "state", "id", sqlite_where=text_("state <> 0"), postgresql_where=text_("state <> 0")
        ),
    )


class Message(Model):
    """A direct message to a name."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
    sender_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    address: Mapped[str]
    text: Mapped[str]
    at_ms: Mapped[int]

    __table_args__ = (Index("ix_messages_recipient_id_id", "recipient_id", "id"),)


class Staff(Model):
    """Someone who may enter the console."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    created_at_ms: Mapped[int]
    disabled_at_ms: Mapped[int | None]


class Token(Model):
    """A bearer token for the REST API; only its digest is kept."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[str]
    created_at_ms: Mapped[int]
    expires_at_ms: Mapped[int]
    last_used_at_ms: Mapped[int | None]
    revoked_at_ms: Mapped[int | None]


class Act(Model):
    """A row of the ledger: never changed, and chained by a keyed digest to the row before (bbs_core/ledger.py)."""

    __tablename__ = "acts"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=False)
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

    __table_args__ = (Index("ix_acts_target_kind_target_id", "target_kind", "target_id"),)


class ActText(Model):
    """A name, text or address that an act speaks of: the act holds only `digest`, so that this row can be erased."""

    __tablename__ = "act_texts"

    digest: Mapped[str] = mapped_column(primary_key=True)
    act_id: Mapped[int] = mapped_column(ForeignKey("acts.id"), index=True)
    salt: Mapped[bytes]
    text: Mapped[str]
