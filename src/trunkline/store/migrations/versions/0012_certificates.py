"""Trunks whose peer is known by its client certificate."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("trunks", sa.Column("client_certificate", sa.Text()))
