"""Counts of calls that are kept beside the log, and indexes that lead to what is rare.

A million calls take some seconds here, once.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_SECOND = {"sqlite": "CAST(started_at AS INTEGER)", "postgresql": "floor(started_at)::bigint"}
"""When a call started, whole Unix seconds."""


def upgrade() -> None:
    op.drop_index("calls_started", "calls")
    op.create_index("calls_started", "calls", ["organization_id", "direction", "status", "started_at", "id"])
    op.drop_index("calls_number", "calls")
    op.create_index(
        "calls_number",
        "calls",
        ["organization_id", "phone_number", "direction", "status", "started_at", "id", "duration"],
    )
    outbound = sa.text("direction = 'outbound'")
    op.create_index(
        "calls_outbound",
        "calls",
        ["ended_at", "organization_id", "duration"],
        sqlite_where=outbound,
        postgresql_where=outbound,
    )
    op.create_table(
        "call_counts",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "span", "place", "direction", "status"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "number_counts",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "phone_number", "place", "direction", "status"),
        sqlite_with_rowid=False,
    )
    started = _SECOND[op.get_bind().dialect.name]
    for span in (86_400, 3600):
        op.execute(
            f"INSERT INTO call_counts SELECT organization_id, {span}, {started} / {span}, direction, status, count(*)"  # noqa: S608
            " FROM calls GROUP BY 1, 3, 4, 5"
        )
    op.execute(
        f"INSERT INTO number_counts SELECT organization_id, phone_number, {started} / 86400, direction, status,"  # noqa: S608
        " count(*), sum(duration), sum((duration + 59) / 60) FROM calls WHERE phone_number IS NOT NULL"
        " GROUP BY 1, 2, 3, 4, 5"
    )
