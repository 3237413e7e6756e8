"""The numbers of webhooks' deliveries no longer end at 2³¹ (PostgreSQL; SQLite's never did)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.alter_column("webhook_deliveries", "seq", type_=sa.BigInteger())
    op.execute("ALTER SEQUENCE webhook_deliveries_seq_seq AS bigint")
    op.alter_column("webhook_attempts", "delivery", type_=sa.BigInteger())
