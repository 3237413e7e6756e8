"""When a trunk's credentials were changed: numbers that were told of since then need not be told again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("trunks", sa.Column("credentials_changed_at", sa.Double()))
