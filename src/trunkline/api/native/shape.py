"""What the native surface's shapes have in common: pages, and the days and moments that a query names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, TypeVar

import msgspec

from trunkline.api.body import Request
from trunkline.control.errors import Invalid

R = TypeVar("R")

Page = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
PerPage = Annotated[int, msgspec.Meta(ge=1, le=100)]

Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d{2}-\d{2}([T ].{2,40})?$",
        description="ISO 8601 date or datetime, UTC unless it says otherwise; as an end it is included.",
        examples=["2024-01-15"],
    ),
]

_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class PageQuery(Request, frozen=True, kw_only=True):
    page: Page = 1
    per_page: PerPage = 20


class Pagination(msgspec.Struct, frozen=True):
    page: int
    per_page: int
    total: int


class Done(msgspec.Struct, frozen=True):
    """What was asked for is done."""

    success: bool
    message: str


class CascadeQuery(Request, frozen=True, kw_only=True):
    cascade: bool = False


def cut(records: Sequence[R], query: PageQuery) -> tuple[Sequence[R], Pagination]:
    """One page of a list that is at hand."""
    start = (query.page - 1) * query.per_page
    return records[start : start + query.per_page], Pagination(query.page, query.per_page, len(records))


def beginning(text: str | None, field: str) -> float | None:
    """The first moment that an ISO date or datetime includes, in Unix seconds. Raises `Invalid`."""
    return None if text is None else _read(text, field)[0].timestamp()


def ending(text: str | None, field: str) -> float | None:
    """The first moment after an ISO date (the whole day) or datetime (the whole second), in Unix seconds. Raises
    `Invalid`."""
    if text is None:
        return None
    at, length = _read(text, field)
    return at.timestamp() + length.total_seconds()


def _read(text: str, field: str) -> tuple[datetime, timedelta]:
    try:
        if _FULL_DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time.min, UTC), timedelta(days=1)
        # A `+` of an offset that was not escaped arrives as a space.
        at = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip()))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        at.timestamp()
    except (ValueError, OverflowError):
        raise Invalid(
            "invalid_parameter", "This is an ISO 8601 date or datetime, as 2024-01-15.", field=field, provided=text
        ) from None
    return at, timedelta(seconds=0 if at.microsecond else 1) or timedelta(microseconds=1)
