"""What plugins need: who tells them what was committed, and what went wrong in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new."""
    op.add_column("positions", sa.Column("node", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("positions", sa.Column("held_until_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "incidents",
        sa.Column("id", ID, nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_plugin_id", "incidents", ["plugin", "id"], unique=False)
    op.create_index("ix_incidents_incident", "incidents", ["incident"], unique=False)
