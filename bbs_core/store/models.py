"""The board itself as SQLAlchemy models: users, posts, messages, and what is known of who is here.

Times are milliseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import hashlib
from ipaddress import ip_address, ip_network

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData, Text
from sqlalchemy import text as text_
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAME_HASH_BYTES = 16
NAME_KEY_CHARACTERS = 64

# SQLite numbers rows by itself only where the type is spelt INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")
# Sorted by code points in both databases, so that a prefix is a range.
Sorted = Text().with_variant(Text(collation="C"), "postgresql")


def name_hash(name: str) -> bytes:
    """Return the key by which a name is unique: PostgreSQL refuses a B-tree over names of 9,999 characters."""
    return hashlib.blake2b(name.encode(), digest_size=NAME_HASH_BYTES).digest()


def name_key(name: str) -> str:
    """Return the key by which names are sorted and searched: its beginning, without regard to case."""
    return name.casefold()[:NAME_KEY_CHARACTERS]


def address_key(address: str) -> str:
    """Return the key by which addresses are sorted, so that a network is a range; any other text is its own."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return f"{known.version}{known.packed.hex()}"


def address_range(network: str) -> tuple[str, str]:
    """Return the lowest and the highest key of an address or network. Raises ValueError where it is neither."""
    known = ip_network(network)
    return address_key(str(known[0])), address_key(str(known[-1]))


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

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    name: Mapped[str]
    name_hash: Mapped[bytes] = mapped_column(unique=True)
    name_key: Mapped[str] = mapped_column(Sorted, default="", server_default=text_("''"))
    first_visit_at_ms: Mapped[int | None]
    last_visit_at_ms: Mapped[int | None]
    visits: Mapped[int] = mapped_column(default=0, server_default="0")
    posts: Mapped[int] = mapped_column(default=0, server_default="0")
    messages: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        Index("ix_users_name_key_id", "name_key", "id"),
        Index("ix_users_last_visit_at_ms_id", "last_visit_at_ms", "id"),
    )


class UserAddress(Model):
    """An address from which a user came."""

    __tablename__ = "user_addresses"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    address_key: Mapped[str] = mapped_column(Sorted, default="", server_default=text_("''"))
    first_visit_at_ms: Mapped[int]
    last_visit_at_ms: Mapped[int]
    visits: Mapped[int]

    __table_args__ = (Index("ix_user_addresses_address_key_user_id", "address_key", "user_id"),)


class Post(Model):
    """A public post; `state` is one of `bbs_core.posts.State`, and no post is ever deleted."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
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

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    sender_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    address: Mapped[str]
    text: Mapped[str]
    at_ms: Mapped[int]

    __table_args__ = (Index("ix_messages_recipient_id_id", "recipient_id", "id"),)


class Hold(Model):
    """Why a post waits for review, or waited."""

    __tablename__ = "holds"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True, autoincrement=False)
    reason: Mapped[str]


class LiveSession(Model):
    """A session on line, on whichever node; its id is drawn at random, so that none is ever used again."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    node: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    address: Mapped[str]
    opened_at_ms: Mapped[int]


class Node(Model):
    """A server of this board, and when it was last heard of."""

    __tablename__ = "nodes"

    id: Mapped[str] = mapped_column(primary_key=True)
    started_at_ms: Mapped[int]
    seen_at_ms: Mapped[int]
    # How it fares, as JSON: its plugins and what fails.
    status: Mapped[str]


class Notice(Model):
    """A row that is kept for a user until it is delivered."""

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    text: Mapped[str]
    at_ms: Mapped[int]


class Announcement(Model):
    """A row for everyone who comes before it ends."""

    __tablename__ = "announcements"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    text: Mapped[str]
    at_ms: Mapped[int]
    until_ms: Mapped[int] = mapped_column(index=True)


class Activity(Model):
    """What happened in an hour, counted as it was written."""

    __tablename__ = "activity"

    hour_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    posts: Mapped[int] = mapped_column(default=0, server_default="0")
    messages: Mapped[int] = mapped_column(default=0, server_default="0")
    visits: Mapped[int] = mapped_column(default=0, server_default="0")


class Position(Model):
    """How far whoever follows the board's rows has come, by name."""

    __tablename__ = "positions"

    name: Mapped[str] = mapped_column(primary_key=True)
    through_id: Mapped[int]
    # The server that moves on, and until when it does so without saying it again.
    node: Mapped[str] = mapped_column(default="", server_default=text_("''"))
    held_until_ms: Mapped[int] = mapped_column(default=0, server_default=text_("0"))


class PluginValue(Model):
    """What a plugin keeps by a key; bytes hold keys of any characters, in their order."""

    __tablename__ = "plugin_values"

    plugin: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(primary_key=True)
    # As JSON in ASCII, which any database keeps unchanged.
    value: Mapped[str]


class PluginSchema(Model):
    """Up to which of its migrations the tables of a plugin have come, and the rows that are kept aside for it."""

    __tablename__ = "plugin_schemas"

    plugin: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    # 0 where there are none: those of a backup wait for the plugin to make its tables.
    kept_version: Mapped[int] = mapped_column(default=0, server_default=text_("0"))


class PluginRow(Model):
    """A row of a plugin's table, kept aside as JSON in ASCII: its values by the names of their columns."""

    __tablename__ = "plugin_rows"

    plugin: Mapped[str] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    row: Mapped[str]
