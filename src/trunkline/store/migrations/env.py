"""What alembic runs: the migrations, over the connection and in the transaction that `store.migrate` has opened."""

from __future__ import annotations

from alembic import context

from trunkline.store.database.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
