"""Groups that hunt as they are told, agents that are probed, trunks whose large requests go by TCP."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for column in (
        sa.Column("steps", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("strategy", sa.Text(), nullable=False, server_default="ordered"),
        sa.Column("hunt_on", sa.Text(), nullable=False, server_default="[408,500,502,503,504,580]"),
        sa.Column("hunt_timeout", sa.Double(), nullable=False, server_default="180"),
        sa.Column("probe", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("probe_interval", sa.Double(), nullable=False, server_default="30"),
        sa.Column("probe_misses", sa.Integer(), nullable=False, server_default="3"),
        sa.Column("probe_hits", sa.Integer(), nullable=False, server_default="2"),
    ):
        op.add_column("agents", column)
    op.add_column("trunks", sa.Column("tcp_fallback", sa.Boolean(), nullable=False, server_default=sa.true()))
