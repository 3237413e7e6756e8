"""The tables of calls.

`calls` holds the calls that have ended, each written once; what goes on is in `open_calls`, which stays small. The log
is wide and grows without end, so its indexes are made for its questions: a page is found in one index, without touching
the rows. How many there are is kept beside it, in `call_counts` and `number_counts` (`store.rows.call_counts`). History
outlives what it speaks of, hence no foreign keys there. `legs` finds a call by the SIP Call-ID of any of its legs; the
legs themselves are in its row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
)

from trunkline.store.database.tables import METADATA, partial

TRANSCRIPTS = Table(
    "transcripts",
    METADATA,
    Column("call_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("speaker", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Double, nullable=False),
    PrimaryKeyConstraint("call_id", "position"),
    sqlite_with_rowid=False,
)

CALLS = Table(
    "calls",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("number_id", Text),
    Column("phone_number", Text),
    Column("caller", Text),
    Column("callee", Text),
    Column("trunk_id", Text),
    Column("agent_id", Text),
    Column("status", Text, nullable=False),
    Column("cause", Text),
    Column("detail", Text),
    Column("sip_status", Integer),
    Column("hung_up_by", Text),
    Column("started_at", Double, nullable=False),
    Column("ringing_at", Double),
    Column("answered_at", Double),
    Column("ended_at", Double, nullable=False),
    Column("duration", Integer, nullable=False),
    Column("attestation", Text),
    Column("legs", Text, nullable=False),
    Column("transfers", Text, nullable=False, server_default="[]"),
    # A list is merged from its directions and statuses, each of which has its calls in the order of time: what is rare
    # is found as soon as what is not.
    Index("calls_started", "organization_id", "direction", "status", "started_at", "id"),
    # One index for a number's list and its sums: each index that is not in the order of time costs a call 10 µs, for
    # the page that it dirties.
    Index("calls_number", "organization_id", "phone_number", "direction", "status", "started_at", "id", "duration"),
    Index("calls_ended", "ended_at"),
)
OUTBOUND = CALLS.c.direction == literal_column("'outbound'")
# What a day's calls out came to.
partial("calls_outbound", OUTBOUND, CALLS.c.ended_at, CALLS.c.organization_id, CALLS.c.duration)

CALL_COUNTS = Table(
    "call_counts",
    METADATA,
    Column("organization_id", Text, nullable=False),
    # Seconds: an hour or a day.
    Column("span", Integer, nullable=False),
    # Which hour or day it is: Unix seconds by the span.
    Column("place", Integer, nullable=False),
    Column("direction", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("calls", Integer, nullable=False),
    PrimaryKeyConstraint("organization_id", "span", "place", "direction", "status"),
    sqlite_with_rowid=False,
)

NUMBER_COUNTS = Table(
    "number_counts",
    METADATA,
    Column("organization_id", Text, nullable=False),
    Column("phone_number", Text, nullable=False),
    # Which day it is: Unix seconds by 86400.
    Column("place", Integer, nullable=False),
    Column("direction", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("calls", Integer, nullable=False),
    # Their durations, and their begun minutes.
    Column("seconds", BigInteger, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "phone_number", "place", "direction", "status"),
    sqlite_with_rowid=False,
)

LEGS = Table(
    "legs",
    METADATA,
    Column("sip_call_id", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    PrimaryKeyConstraint("sip_call_id", "call_id"),
    sqlite_with_rowid=False,
)

OPEN_CALLS = Table(
    "open_calls",
    METADATA,
    Column("id", Text, primary_key=True),
    # Whose journal it is in: a start-up closes only what its own earlier life left open.
    Column("journal", Text, nullable=False),
    Column("organization_id", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("phone_number", Text),
    Column("started_at", Double, nullable=False),
    # The record so far; null when the call is closed and only its BYEs are left to send.
    Column("record", Text),
    # What a BYE to each side takes (model.journal.DialogState, msgpack); null until answered.
    Column("dialogs", LargeBinary),
    Index("open_calls_started", "organization_id", "started_at", "id"),
)
