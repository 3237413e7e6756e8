"""Sandboxes, budgets of keys, the audit log, answers kept for Idempotency-Key, and where numbers came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("organizations", sa.Column("sandbox_of", sa.Text()))
    op.add_column("api_keys", sa.Column("requests_per_hour", sa.Integer()))
    op.add_column("numbers", sa.Column("room_name", sa.Text()))
    op.add_column("numbers", sa.Column("supply", sa.Text()))
    op.add_column("numbers", sa.Column("suspended_at", sa.Double()))
    op.create_table(
        "audit",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("organization_id", sa.Text()),
        sa.Column("key_id", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("request_id", sa.Text()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
    )
    op.create_index("audit_organization", "audit", ["organization_id", "id"])
    op.create_index("audit_resource", "audit", ["organization_id", "resource_id", "id"])
    op.create_index("audit_at", "audit", ["at"])
    op.create_table(
        "idempotency",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("content_type", sa.Text()),
        sa.Column("body", sa.Text()),
        sa.PrimaryKeyConstraint("key_id", "idempotency_key"),
    )
    op.create_index("idempotency_at", "idempotency", ["at"])
