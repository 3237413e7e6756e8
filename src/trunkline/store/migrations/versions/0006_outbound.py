"""Outbound calls: what organizations may dial, and by which of their trunks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("organizations", sa.Column("outbound", sa.Text(), nullable=False, server_default="{}"))
    for column in (
        sa.Column("role", sa.Text(), nullable=False, server_default="carrier"),
        sa.Column("outbound", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("outbound_priority", sa.Integer(), nullable=False, server_default="100"),
        sa.Column("prefixes", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("dial_format", sa.Text(), nullable=False, server_default="e164"),
        sa.Column("caller_format", sa.Text(), nullable=False, server_default="e164"),
        sa.Column("caller_header", sa.Text(), nullable=False, server_default="from"),
    ):
        op.add_column("trunks", column)
