"""What plugins keep, how far the tables of their own have come, and the rows that wait for these after a restore."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    op.create_table(
        "plugin_values",
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plugin", "key", name="pk_plugin_values"),
    )
    op.create_table(
        "plugin_schemas",
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kept_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("plugin", name="pk_plugin_schemas"),
    )
    op.create_table(
        "plugin_rows",
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plugin", "table_name", "number", name="pk_plugin_rows"),
    )
