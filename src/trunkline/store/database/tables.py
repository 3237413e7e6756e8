"""The tables, for SQLite and PostgreSQL alike.

A column bears the name of the record's field. Tuples, maps and nested records are JSON in a text column, written and
read by msgspec; a sealed credential is text. Times are Unix seconds.

`sandbox` separates the namespaces of test keys: a name or a phone number is taken only among its own kind.

Calls have theirs in `call_tables`, accounts and webhooks in `outside`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
    true,
)

METADATA = MetaData()


def stamps() -> tuple[Column[float], Column[float]]:
    """When a record was made, and last changed."""
    return Column("created_at", Double, nullable=False), Column("updated_at", Double, nullable=False)


def owner() -> Column[str]:
    """Whose a record is."""
    return Column("organization_id", Text, ForeignKey("organizations.id"), nullable=False)


def _sandbox() -> Column[bool]:
    return Column("sandbox", Boolean, nullable=False, server_default=false())


def partial(name: str, where: ColumnElement[bool], *columns: Column[Any], unique: bool = False) -> None:
    """An index of those rows of the columns' table alone."""
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


ORGANIZATIONS = Table(
    "organizations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # Not a foreign key: organizations and trunks would refer to each other.
    Column("default_trunk_id", Text),
    Column("sandbox_of", Text),
    # Empty: the defaults.
    Column("outbound", Text, nullable=False, server_default="{}"),
    *stamps(),
)

TRUNKS = Table(
    "trunks",
    METADATA,
    Column("id", Text, primary_key=True),
    owner(),
    _sandbox(),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("role", Text, nullable=False, server_default="carrier"),
    Column("host", Text),
    Column("port", Integer),
    Column("transport", Text, nullable=False),
    Column("outbound_proxy", Text),
    Column("tls", Text, nullable=False),
    Column("tcp_fallback", Boolean, nullable=False, server_default=true()),
    Column("networks", Text, nullable=False),
    Column("username", Text),
    Column("password", Text),
    Column("client_certificate", Text),
    Column("challenge", Boolean, nullable=False),
    Column("register", Boolean, nullable=False),
    Column("register_expires", Integer, nullable=False, server_default="3600"),
    Column("register_aor", Text),
    Column("accepts_registration", Boolean, nullable=False, server_default=false()),
    Column("keepalive", Double, nullable=False, server_default="25"),
    Column("realm", Text),
    Column("country", Text),
    Column("codecs", Text, nullable=False),
    Column("media_encryption", Text, nullable=False),
    Column("max_concurrent_calls", Integer),
    Column("full_status", Integer, nullable=False),
    Column("calls_per_second", Double),
    Column("trust_identity", Boolean, nullable=False),
    Column("identity", Text, nullable=False, server_default="off"),
    Column("nat", Boolean, nullable=False),
    Column("allow_refer", Boolean, nullable=False, server_default=false()),
    Column("send_refer", Boolean, nullable=False, server_default=false()),
    Column("outbound", Boolean, nullable=False, server_default=true()),
    Column("outbound_priority", Integer, nullable=False, server_default="100"),
    Column("prefixes", Text, nullable=False, server_default="[]"),
    Column("dial_format", Text, nullable=False, server_default="e164"),
    Column("caller_format", Text, nullable=False, server_default="e164"),
    Column("caller_header", Text, nullable=False, server_default="from"),
    Column("default_caller", Text),
    Column("ranges", Text, nullable=False, server_default="[]"),
    Column("ring_after", Double),
    Column("probe", Boolean, nullable=False),
    Column("probe_interval", Double, nullable=False),
    Column("probe_misses", Integer, nullable=False),
    Column("probe_hits", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("reprovision_required", Boolean, nullable=False),
    Column("credentials_changed_at", Double),
    Column("provisioned_at", Double),
    Column("settings", Text, nullable=False),
    *stamps(),
    Index("trunks_name", "organization_id", "sandbox", "name", unique=True),
)

AGENTS = Table(
    "agents",
    METADATA,
    Column("id", Text, primary_key=True),
    owner(),
    _sandbox(),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("uri", Text),
    Column("trunk_id", Text, ForeignKey("trunks.id")),
    Column("external_id", Text),
    Column("members", Text, nullable=False),
    Column("steps", Text, nullable=False, server_default="{}"),
    Column("strategy", Text, nullable=False, server_default="ordered"),
    Column("hunt_on", Text, nullable=False, server_default="[408,500,502,503,504,580]"),
    Column("hunt_timeout", Double, nullable=False, server_default="180"),
    Column("ring_timeout", Double, nullable=False),
    Column("instructions", Text),
    Column("model", Text),
    Column("voice", Text),
    Column("probe", Boolean, nullable=False, server_default=false()),
    Column("probe_interval", Double, nullable=False, server_default="30"),
    Column("probe_misses", Integer, nullable=False, server_default="3"),
    Column("probe_hits", Integer, nullable=False, server_default="2"),
    Column("enabled", Boolean, nullable=False),
    *stamps(),
    Index("agents_organization", "organization_id", "sandbox", "id"),
    Index("agents_trunk", "trunk_id", "external_id"),
)

NUMBERS = Table(
    "numbers",
    METADATA,
    Column("id", Text, primary_key=True),
    owner(),
    _sandbox(),
    Column("e164", Text, nullable=False),
    Column("trunk_id", Text, ForeignKey("trunks.id")),
    Column("agent_id", Text, ForeignKey("agents.id")),
    Column("state", Text, nullable=False),
    Column("supports_inbound", Boolean, nullable=False),
    Column("supports_outbound", Boolean, nullable=False),
    # Empty: the defaults. Most of 100,000 numbers have nothing here, and decode nothing.
    Column("config", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("inbound_pin", Text),
    Column("room_name", Text),
    Column("label", Text),
    # Null for numbers that no provider sold.
    Column("supply", Text),
    Column("reprovision_required", Boolean, nullable=False),
    Column("provisioned_at", Double),
    Column("suspended_at", Double),
    Column("provision_error", Text),
    Column("engine_resource_id", Text),
    *stamps(),
    Index("numbers_organization", "organization_id", "sandbox", "id", "state"),
    Index("numbers_trunk", "trunk_id", "state"),
    Index("numbers_agent", "agent_id"),
)
partial("numbers_e164_live", NUMBERS.c.sandbox == false(), NUMBERS.c.e164, unique=True)
partial("numbers_e164_sandbox", NUMBERS.c.sandbox == true(), NUMBERS.c.organization_id, NUMBERS.c.e164, unique=True)

BINDINGS = Table(
    "bindings",
    METADATA,
    # Not a foreign key: the trunk may go first.
    Column("trunk_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("cseq", BigInteger, nullable=False),
    Column("q", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("flow", Text, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("nat", Boolean, nullable=False),
    Column("path", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("reg_id", Integer, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("registered_at", Double, nullable=False),
    PrimaryKeyConstraint("trunk_id", "key"),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, ForeignKey("organizations.id")),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("networks", Text, nullable=False),
    Column("expires_at", Double),
    Column("requests_per_hour", Integer),
    Column("last_used_at", Double),
    *stamps(),
    Index("api_keys_digest", "digest", unique=True),
    Index("api_keys_organization", "organization_id", "id"),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("organization_id", Text),
    # Who: the key as it was called then, where it asked from, and in which request.
    Column("key_id", Text),
    Column("actor", Text, nullable=False),
    Column("role", Text),
    Column("source", Text),
    Column("request_id", Text),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("name", Text),
    # {field: [before, after]}, credentials never.
    Column("changes", Text, nullable=False),
    Column("note", Text),
    Index("audit_organization", "organization_id", "id"),
    Index("audit_resource", "organization_id", "resource_id", "id"),
    Index("audit_at", "at"),
)

IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    # Of one API key: others may use the same words.
    Column("key_id", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    # SHA-256 over method, path and body.
    Column("digest", LargeBinary, nullable=False),
    Column("at", Double, nullable=False),
    # Null until it was answered. The body is sealed: it may show a key that was just made.
    Column("status", Integer),
    Column("content_type", Text),
    Column("body", Text),
    PrimaryKeyConstraint("key_id", "idempotency_key"),
    Index("idempotency_at", "at"),
)

TRUNK_TESTS = Table(
    "trunk_tests",
    METADATA,
    # The last one of each trunk.
    Column("trunk_id", Text, ForeignKey("trunks.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("latency", Double),
    Column("registration", Text, nullable=False),
    Column("detail", Text),
)

VERIFICATIONS = Table(
    "business_verifications",
    METADATA,
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("business", Text, nullable=False),
    Column("representative", Text, nullable=False),
    Column("attested_at", Double),
    Column("submitted_at", Double),
    Column("rejection_reason", Text),
    *stamps(),
)

JOURNAL_POSITIONS = Table(
    "journal_positions",
    METADATA,
    Column("journal", Text, primary_key=True),
    Column("segment", Integer, nullable=False),
    Column("offset", Integer, nullable=False),
)

REFUSALS = Table(
    "refusals",
    METADATA,
    Column("minute", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("minute", "source", "reason", "status"),
    sqlite_with_rowid=False,
)


def unique_field(index: str) -> str:
    """The field that a unique index, or a primary key, by this name is about."""
    for table in METADATA.tables.values():
        for candidate in table.indexes:
            if candidate.name == index:
                return list(candidate.columns)[-1].name
    return "id"
