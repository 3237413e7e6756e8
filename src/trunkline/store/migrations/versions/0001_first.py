"""The first version's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("number_id", sa.Text()),
        sa.Column("phone_number", sa.Text()),
        sa.Column("caller", sa.Text()),
        sa.Column("callee", sa.Text()),
        sa.Column("trunk_id", sa.Text()),
        sa.Column("agent_id", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("sip_status", sa.Integer()),
        sa.Column("hung_up_by", sa.Text()),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ringing_at", sa.Double()),
        sa.Column("answered_at", sa.Double()),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=False),
        sa.Column("attestation", sa.Text()),
        sa.Column("legs", sa.Text(), nullable=False),
    )
    op.create_index("calls_ended", "calls", ["ended_at"])
    op.create_index(
        "calls_number",
        "calls",
        ["organization_id", "phone_number", "started_at", "id", "status", "direction", "duration"],
    )
    op.create_index("calls_started", "calls", ["organization_id", "started_at", "id", "status", "direction"])
    op.create_table(
        "journal_positions",
        sa.Column("journal", sa.Text(), primary_key=True),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("offset", sa.Integer(), nullable=False),
    )
    op.create_table(
        "legs",
        sa.Column("sip_call_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sip_call_id", "call_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "open_calls",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("phone_number", sa.Text()),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("record", sa.Text()),
        sa.Column("dialogs", sa.LargeBinary()),
    )
    op.create_index("open_calls_started", "open_calls", ["organization_id", "started_at", "id"])
    op.create_table(
        "organizations",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("default_trunk_id", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "refusals",
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "source", "reason", "status"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), sa.ForeignKey("organizations.id")),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("last_used_at", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_index("api_keys_digest", "api_keys", ["digest"], unique=True)
    op.create_index("api_keys_organization", "api_keys", ["organization_id", "id"])
    op.create_table(
        "trunks",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("host", sa.Text()),
        sa.Column("port", sa.Integer()),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("outbound_proxy", sa.Text()),
        sa.Column("tls", sa.Text(), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("username", sa.Text()),
        sa.Column("password", sa.Text()),
        sa.Column("challenge", sa.Boolean(), nullable=False),
        sa.Column("register", sa.Boolean(), nullable=False),
        sa.Column("realm", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("codecs", sa.Text(), nullable=False),
        sa.Column("media_encryption", sa.Text(), nullable=False),
        sa.Column("max_concurrent_calls", sa.Integer()),
        sa.Column("full_status", sa.Integer(), nullable=False),
        sa.Column("calls_per_second", sa.Double()),
        sa.Column("trust_identity", sa.Boolean(), nullable=False),
        sa.Column("nat", sa.Boolean(), nullable=False),
        sa.Column("ring_after", sa.Double()),
        sa.Column("probe", sa.Boolean(), nullable=False),
        sa.Column("probe_interval", sa.Double(), nullable=False),
        sa.Column("probe_misses", sa.Integer(), nullable=False),
        sa.Column("probe_hits", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("reprovision_required", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_index("trunks_name", "trunks", ["organization_id", "sandbox", "name"], unique=True)
    op.create_table(
        "agents",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text()),
        sa.Column("trunk_id", sa.Text(), sa.ForeignKey("trunks.id")),
        sa.Column("external_id", sa.Text()),
        sa.Column("members", sa.Text(), nullable=False),
        sa.Column("ring_timeout", sa.Double(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_index("agents_organization", "agents", ["organization_id", "sandbox", "id"])
    op.create_index("agents_trunk", "agents", ["trunk_id", "external_id"])
    op.create_table(
        "numbers",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("organization_id", sa.Text(), sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("e164", sa.Text(), nullable=False),
        sa.Column("trunk_id", sa.Text(), sa.ForeignKey("trunks.id")),
        sa.Column("agent_id", sa.Text(), sa.ForeignKey("agents.id")),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("supports_inbound", sa.Boolean(), nullable=False),
        sa.Column("supports_outbound", sa.Boolean(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("inbound_pin", sa.Text()),
        sa.Column("label", sa.Text()),
        sa.Column("reprovision_required", sa.Boolean(), nullable=False),
        sa.Column("provisioned_at", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    op.create_index("numbers_agent", "numbers", ["agent_id"])
    op.create_index(
        "numbers_e164_live",
        "numbers",
        ["e164"],
        unique=True,
        sqlite_where=sa.text("NOT sandbox"),
        postgresql_where=sa.text("NOT sandbox"),
    )
    op.create_index(
        "numbers_e164_sandbox",
        "numbers",
        ["organization_id", "e164"],
        unique=True,
        sqlite_where=sa.text("sandbox"),
        postgresql_where=sa.text("sandbox"),
    )
    op.create_index("numbers_organization", "numbers", ["organization_id", "sandbox", "id", "state"])
    op.create_index("numbers_trunk", "numbers", ["trunk_id", "state"])


def downgrade() -> None:
    for table in (
        "numbers",
        "agents",
        "trunks",
        "api_keys",
        "refusals",
        "organizations",
        "open_calls",
        "legs",
        "journal_positions",
        "calls",
    ):
        op.drop_table(table)
