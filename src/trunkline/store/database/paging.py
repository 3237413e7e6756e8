"""A page of a list, and how many there are in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Row, Table, func, select

from trunkline.store.database.database import Session

R = TypeVar("R")


class Page(NamedTuple, Generic[R]):
    """The records of one page, and the total over all pages."""

    rows: list[R]
    total: int


async def page_of(
    session: Session,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    order: Sequence[ColumnElement[Any]],
    page: int,
    per_page: int,
) -> tuple[Sequence[Row[Any]], int]:
    """The rows of page `page` (from 1) of `per_page` (1 or more), and the total.

    The ids of the page are found first, in the index alone: a far page reads no row that it passes over.
    """
    total = int(await session.scalar(select(func.count()).select_from(table).where(*where)))
    offset = (page - 1) * per_page
    if offset >= total:
        return [], total
    ids = select(table.c.id).where(*where).order_by(*order).limit(per_page).offset(offset)
    return await session.rows(select(table).where(table.c.id.in_(ids)).order_by(*order)), total
