"""Accounts at number providers, purchases, provisioning, webhooks and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("numbers", sa.Column("provision_error", sa.Text()))
    op.add_column("numbers", sa.Column("engine_resource_id", sa.Text()))
    for name in ("instructions", "model", "voice"):
        op.add_column("agents", sa.Column(name, sa.Text()))
    op.create_table(
        "voip_connections",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("setup_method", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("inferred_name", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("sip_config", sa.Text(), nullable=False),
        sa.Column("trunk_id", sa.Text()),
        sa.Column("last_tested_at", sa.Double()),
        sa.Column("numbers_imported", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_index("voip_connections_serial", "voip_connections", ["serial"], unique=True)
    op.create_index("voip_connections_organization", "voip_connections", ["organization_id", "serial"])
    op.create_table(
        "voip_evidence",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("account_name", sa.Text()),
        sa.Column("tested_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double()),
    )
    op.create_index("voip_evidence_expires", "voip_evidence", ["expires_at"])
    op.create_table(
        "purchases",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("label", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("number_id", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("e164", sa.Text(), nullable=False),
    )
    op.create_index("purchases_state", "purchases", ["state", "id"])
    # Of one number, one purchase goes on.
    going_on = sa.text("state IN ('asked', 'lost', 'bought')")
    op.create_index(
        "purchases_open",
        "purchases",
        ["organization_id", "e164"],
        unique=True,
        sqlite_where=going_on,
        postgresql_where=going_on,
    )
    op.create_table(
        "provisioning_jobs",
        sa.Column("number_id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_index("webhooks_organization", "webhooks", ["organization_id", "id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("done_at", sa.Double()),
        sqlite_autoincrement=True,
    )
    op.create_index("webhook_deliveries_once", "webhook_deliveries", ["webhook_id", "key"], unique=True)
    op.create_index("webhook_deliveries_due", "webhook_deliveries", ["state", "due_at"])
    op.create_index("webhook_deliveries_order", "webhook_deliveries", ["webhook_id", "subject", "seq"])
    op.create_index("webhook_deliveries_done", "webhook_deliveries", ["done_at"])
    op.create_table(
        "webhook_attempts",
        sa.Column("delivery", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("delivery", "number"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in (
        "webhook_attempts",
        "webhook_deliveries",
        "webhooks",
        "provisioning_jobs",
        "purchases",
        "voip_evidence",
        "voip_connections",
    ):
        op.drop_table(table)
    for name in ("instructions", "model", "voice"):
        op.drop_column("agents", name)
    op.drop_column("numbers", "engine_resource_id")
    op.drop_column("numbers", "provision_error")
