"""Whether a trunk's callers are to be vouched for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("trunks", sa.Column("identity", sa.Text(), nullable=False, server_default="off"))
