"""The kept counts, counted anew from the log: what they have to be."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from trunkline.store.database.database import Session

_SPANS = (86_400, 3600)


async def recount(session: Session) -> None:
    """Put the counts right after rows were written past them."""
    for table in ("call_counts", "number_counts"):
        await session.execute(text(f"DELETE FROM {table}"))
    for span in _SPANS:
        await session.execute(text(f"INSERT INTO call_counts {_by_span(span)}"))
    await session.execute(text(f"INSERT INTO number_counts {_by_number()}"))


async def kept(session: Session) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """What is kept: of organizations, and of numbers."""
    return await _sorted(session, "SELECT * FROM call_counts"), await _sorted(session, "SELECT * FROM number_counts")


async def counted(session: Session) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """What should be."""
    by_span = [row for span in _SPANS for row in await _sorted(session, _by_span(span))]
    return sorted(by_span), await _sorted(session, _by_number())


def _by_span(span: int) -> str:
    return (
        f"SELECT organization_id, {span}, CAST(floor(started_at) AS INTEGER) / {span}, direction, status, count(*)"
        " FROM calls GROUP BY 1, 3, 4, 5"
    )


def _by_number() -> str:
    return (
        "SELECT organization_id, phone_number, CAST(floor(started_at) AS INTEGER) / 86400, direction, status, count(*),"
        " sum(duration), sum((duration + 59) / 60) FROM calls WHERE phone_number IS NOT NULL GROUP BY 1, 2, 3, 4, 5"
    )


async def _sorted(session: Session, sql: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in (await session.execute(text(sql))).all())
