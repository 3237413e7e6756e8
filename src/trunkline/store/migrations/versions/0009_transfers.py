"""Transfers: whose REFER is followed, who is sent one, and what became of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("calls", sa.Column("transfers", sa.Text(), nullable=False, server_default="[]"))
    for name in ("allow_refer", "send_refer"):
        op.add_column("trunks", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
