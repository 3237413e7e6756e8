"""What the telephony surface's shapes have in common: its pages, its days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, TypeVar

import msgspec

from trunkline.api.body import CamelRequest
from trunkline.control.errors import Invalid

R = TypeVar("R")


class PageQuery(CamelRequest, frozen=True, kw_only=True):
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


class CascadeQuery(CamelRequest, frozen=True, kw_only=True):
    cascade: bool = False


Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2025-06-01"])]


def pages(total: int, query: PageQuery) -> int:
    return -(-total // query.page_size)


def cut(records: Sequence[R], query: PageQuery) -> Sequence[R]:
    """One page of a list that is at hand."""
    start = (query.page - 1) * query.page_size
    return records[start : start + query.page_size]


def day(text: str, field: str) -> date:
    """Raises `Invalid`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("invalid_parameter", "This is a date, as 2025-06-01.", field=field, provided=text) from None
