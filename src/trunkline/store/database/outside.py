"""Further tables of the same database: what the control plane has to do with the world outside. Accounts at number
providers and what is bought there, numbers that engines are told of, webhooks and what was sent to them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, PrimaryKeyConstraint, Table, Text

from trunkline.store.database.tables import METADATA, owner, partial, stamps

# Each event takes a number, also one that was told of already: on a busy edge 2³¹ are taken within months. SQLite
# counts on by itself in an INTEGER alone, which has 64 bits there.
_SERIAL = BigInteger().with_variant(Integer(), "sqlite")

CONNECTIONS = Table(
    "voip_connections",
    METADATA,
    Column("id", Text, primary_key=True),
    owner(),
    Column("serial", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("setup_method", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("inferred_name", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    # Sealed whole, as the SIP side beside it.
    Column("credentials", Text, nullable=False),
    Column("sip_config", Text, nullable=False),
    # Not a foreign key: the trunk may go first.
    Column("trunk_id", Text),
    Column("last_tested_at", Double),
    Column("numbers_imported", Integer, nullable=False),
    *stamps(),
    Index("voip_connections_serial", "serial", unique=True),
    Index("voip_connections_organization", "organization_id", "serial"),
)

EVIDENCE = Table(
    "voip_evidence",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("credentials", Text, nullable=False),
    Column("account_name", Text),
    Column("tested_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("used_at", Double),
    Index("voip_evidence_expires", "expires_at"),
)

PURCHASES = Table(
    "purchases",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("connection_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("label", Text),
    Column("state", Text, nullable=False),
    Column("resource_id", Text),
    Column("error", Text),
    Column("wanted", Text, nullable=False),
    Column("number_id", Text),
    *stamps(),
    Column("e164", Text, nullable=False),
    Index("purchases_state", "state", "id"),
)
partial(
    "purchases_open",
    PURCHASES.c.state.in_(["asked", "lost", "bought"]),
    PURCHASES.c.organization_id,
    PURCHASES.c.e164,
    unique=True,
)

JOBS = Table(
    "provisioning_jobs",
    METADATA,
    Column("number_id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("error", Text),
    Column("created_at", Double, nullable=False),
)

WEBHOOKS = Table(
    "webhooks",
    METADATA,
    Column("id", Text, primary_key=True),
    owner(),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    *stamps(),
    Index("webhooks_organization", "organization_id", "id"),
)

DELIVERIES = Table(
    "webhook_deliveries",
    METADATA,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("webhook_id", Text, nullable=False),
    Column("organization_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("done_at", Double),
    Index("webhook_deliveries_once", "webhook_id", "key", unique=True),
    Index("webhook_deliveries_due", "state", "due_at"),
    Index("webhook_deliveries_order", "webhook_id", "subject", "seq"),
    Index("webhook_deliveries_done", "done_at"),
    sqlite_autoincrement=True,
)

ATTEMPTS = Table(
    "webhook_attempts",
    METADATA,
    Column("delivery", _SERIAL, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("answer", Text),
    Column("seconds", Double, nullable=False),
    PrimaryKeyConstraint("delivery", "number"),
    sqlite_with_rowid=False,
)
