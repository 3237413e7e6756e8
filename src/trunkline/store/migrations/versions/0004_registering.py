"""How a trunk registers with its carrier."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("trunks", sa.Column("register_expires", sa.Integer(), nullable=False, server_default="3600"))
    op.add_column("trunks", sa.Column("register_aor", sa.Text()))
    op.add_column("trunks", sa.Column("keepalive", sa.Double(), nullable=False, server_default="25"))
