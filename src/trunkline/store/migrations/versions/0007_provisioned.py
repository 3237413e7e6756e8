"""When an engine's project was last found good."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("trunks", sa.Column("provisioned_at", sa.Double()))


def downgrade() -> None:
    op.drop_column("trunks", "provisioned_at")
