"""Tests of trunks, business verifications, transcripts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "trunk_tests",
        sa.Column("trunk_id", sa.Text(), sa.ForeignKey("trunks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("latency", sa.Double()),
        sa.Column("registration", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text()),
    )
    op.create_table(
        "business_verifications",
        sa.Column(
            "organization_id", sa.Text(), sa.ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("business", sa.Text(), nullable=False),
        sa.Column("representative", sa.Text(), nullable=False),
        sa.Column("attested_at", sa.Double()),
        sa.Column("submitted_at", sa.Double()),
        sa.Column("rejection_reason", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "transcripts",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "position"),
        sqlite_with_rowid=False,
    )
