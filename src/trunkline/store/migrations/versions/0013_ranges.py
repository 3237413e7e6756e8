"""Trunks that bring numbers by their ranges, and trunks whose calls out come from a number of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("trunks", sa.Column("default_caller", sa.Text()))
    op.add_column("trunks", sa.Column("ranges", sa.Text(), nullable=False, server_default="[]"))
