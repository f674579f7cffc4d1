"""Run migrations on the connection that `bbs_core.store.schema` hands over; there is no offline mode."""

from __future__ import annotations

from alembic import context

from bbs_core.store import staff_models
from bbs_core.store.models import Model

assert staff_models  # its tables are in the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Model.metadata,
    # SQLite can roll DDL back once the driver's own transaction handling is off, as it is in our engine.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
