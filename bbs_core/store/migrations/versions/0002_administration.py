"""What administration needs: sessions, sanctions, reports, notices, settings, logins, and the search for words."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from bbs_core.store.models import address_key, name_key

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROWS_AT_A_TIME = 1000
HOUR_MS = 3_600_000

# The words of posts, indexed later by the writer: a trigger would cost nine tenths of all posts.
SQLITE_SEARCH = (
    "CREATE VIRTUAL TABLE post_search USING fts5(text, content='posts', content_rowid='id', tokenize='unicode61')"
)
POSTGRESQL_SEARCH = "CREATE TABLE post_search (post_id BIGINT PRIMARY KEY, words tsvector NOT NULL)"
POSTGRESQL_WORDS = "CREATE INDEX ix_post_search_words ON post_search USING gin (words)"


def upgrade() -> None:
    """Add what is new, and work out what the old rows have to say for it."""
    _create_tables()
    _change_tables()
    if op.get_bind().dialect.name == "sqlite":
        op.execute(SQLITE_SEARCH)
    else:
        op.execute(POSTGRESQL_SEARCH)
        op.execute(POSTGRESQL_WORDS)
    _fill_keys("users", "id", "name", "name_key", name_key)
    _fill_keys("user_addresses", "user_id", "address", "address_key", address_key)
    op.execute("UPDATE act_texts SET actor_key = substr(text, 1, 64) WHERE digest IN (SELECT actor FROM acts)")
    _fill_activity()
    # Logins that had ended stood among the tokens.
    op.execute("DELETE FROM tokens WHERE scopes = ''")


def _fill_keys(table: str, row_id: str, column: str, key: str, of: Callable[[str], str]) -> None:
    """A row is found by its number and text: a user has several addresses."""
    connection = op.get_bind()
    update = sa.text(f"UPDATE {table} SET {key} = :key WHERE {row_id} = :row_id AND {column} = :text")
    select = sa.text(f"SELECT {row_id}, {column} FROM {table}")
    rows = connection.execute(select).fetchall()
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        page = rows[start : start + ROWS_AT_A_TIME]
        connection.execute(update, [{"key": of(text), "row_id": number, "text": text} for number, text in page])


def _fill_activity() -> None:
    for kind in ("posts", "messages"):
        op.execute(
            f"INSERT INTO activity (hour_ms, {kind}) SELECT at_ms / {HOUR_MS} * {HOUR_MS}, count(*) FROM {kind}"
            f" WHERE true GROUP BY 1 ORDER BY 1 ON CONFLICT (hour_ms) DO UPDATE SET {kind} = excluded.{kind}"
        )


def _create_tables() -> None:
    op.create_table(
        "activity",
        sa.Column("hour_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("posts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("messages", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("visits", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("hour_ms", name="pk_activity"),
    )
    op.create_table(
        "announcements",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_announcements"),
    )
    op.create_index("ix_announcements_until_ms", "announcements", ["until_ms"], unique=False)
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_nodes"),
    )
    op.create_table(
        "positions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("through_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_positions"),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )
    op.create_table(
        "throttles",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_throttles"),
    )
    op.create_index("ix_throttles_at_ms", "throttles", ["at_ms"], unique=False)
    op.create_table(
        "claims",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("staff_id", ID, nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_claims_staff_id_staff"),
        sa.PrimaryKeyConstraint("kind", "target_id", name="pk_claims"),
    )
    op.create_table(
        "logins",
        sa.Column("id", ID, nullable=False),
        sa.Column("staff_id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("proved_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_logins_staff_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_logins"),
        sa.UniqueConstraint("digest", name="uq_logins_digest"),
    )
    op.create_index("ix_logins_staff_id", "logins", ["staff_id"], unique=False)
    op.create_table(
        "notices",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notices_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
    )
    op.create_index("ix_notices_user_id", "notices", ["user_id"], unique=False)
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", ID, nullable=False),
        sa.Column("used_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_recovery_codes_staff_id_staff"),
        sa.PrimaryKeyConstraint("digest", name="pk_recovery_codes"),
    )
    op.create_index("ix_recovery_codes_staff_id", "recovery_codes", ["staff_id"], unique=False)
    op.create_table(
        "remarks",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_remarks_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_remarks"),
    )
    op.create_index("ix_remarks_user_id", "remarks", ["user_id"], unique=False)
    op.create_table(
        "reports",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_reports_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sa.UniqueConstraint("kind", "target_id", "user_id", name="uq_reports_kind_target_id_user_id"),
    )
    op.create_index(
        "ix_reports_open",
        "reports",
        ["id"],
        unique=False,
        sqlite_where=sa.text("closed_at_ms IS NULL"),
        postgresql_where=sa.text("closed_at_ms IS NULL"),
    )
    op.create_index("ix_reports_user_id", "reports", ["user_id"], unique=False)
    op.create_table(
        "sanctions",
        sa.Column("id", ID, nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("lifted_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sanctions_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_sanctions"),
    )
    op.create_index(
        "ix_sanctions_in_force",
        "sanctions",
        ["id"],
        unique=False,
        sqlite_where=sa.text("lifted_at_ms IS NULL"),
        postgresql_where=sa.text("lifted_at_ms IS NULL"),
    )
    op.create_index("ix_sanctions_measure_id", "sanctions", ["measure", "id"], unique=False)
    op.create_index("ix_sanctions_user_id", "sanctions", ["user_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_node", "sessions", ["node"], unique=False)
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"], unique=False)
    op.create_table(
        "holds",
        sa.Column("post_id", ID, autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_holds_post_id_posts"),
        sa.PrimaryKeyConstraint("post_id", name="pk_holds"),
    )
    op.create_table(
        "replays",
        sa.Column("token_id", ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_replays_token_id_tokens"),
        sa.PrimaryKeyConstraint("token_id", "key", name="pk_replays"),
    )
    op.create_index("ix_replays_at_ms", "replays", ["at_ms"], unique=False)


def _change_tables() -> None:
    op.create_index("ix_acts_action_id", "acts", ["action", "id"], unique=False)
    op.add_column("act_texts", sa.Column("actor_key", SORTED, server_default=sa.text("''"), nullable=False))
    op.create_index("ix_act_texts_actor_key_act_id", "act_texts", ["actor_key", "act_id"], unique=False)
    op.drop_index("ix_acts_target_kind_target_id", table_name="acts")
    op.create_index("ix_acts_target_kind_id", "acts", ["target_kind", "id"], unique=False)
    op.create_index("ix_acts_target_id_id", "acts", ["target_id", "id"], unique=False)
    op.create_index("ix_acts_parent_id", "acts", ["parent_id"], unique=False)
    op.create_index("ix_acts_undoes_id", "acts", ["undoes_id"], unique=False)
    op.add_column("staff", sa.Column("totp_secret", sa.Text(), nullable=True))
    op.add_column("staff", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    op.add_column("staff", sa.Column("version", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("user_addresses", sa.Column("address_key", SORTED, server_default=sa.text("''"), nullable=False))
    op.drop_index("ix_user_addresses_address", table_name="user_addresses")
    op.create_index("ix_user_addresses_address_key_user_id", "user_addresses", ["address_key", "user_id"], unique=False)
    op.add_column("users", sa.Column("name_key", SORTED, server_default=sa.text("''"), nullable=False))
    op.drop_index("ix_users_last_visit_at_ms", table_name="users")
    op.create_index("ix_users_last_visit_at_ms_id", "users", ["last_visit_at_ms", "id"], unique=False)
    op.create_index("ix_users_name_key_id", "users", ["name_key", "id"], unique=False)
