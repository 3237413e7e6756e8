"""Which of an organization's ended calls are meant, as conditions on the log and on what is kept beside it.

Statements are made once for each shape of a question: making them takes longer than a database does to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Integer, Select, Table, and_, bindparam, desc, select, union_all

from trunkline.model.call import CallStatus, Direction
from trunkline.store.database.call_tables import CALL_COUNTS, CALLS, NUMBER_COUNTS

HOUR = 3600
DAY = 86_400
DIRECTIONS: tuple[Direction, ...] = ("inbound", "outbound")
ENDED: tuple[CallStatus, ...] = ("completed", "failed", "no-answer")
"""The states of a call in the log."""


class Shape(NamedTuple):
    """The conditions, but for the organization and the number, which are parameters by their names."""

    of_number: bool
    directions: tuple[Direction, ...]
    statuses: tuple[CallStatus, ...]

    @property
    def table(self) -> Table:
        """Where their counts are kept."""
        return NUMBER_COUNTS if self.of_number else CALL_COUNTS

    def kept(self, span: int, first: str | None, end: str | None) -> ColumnElement[bool]:
        """The rows of the kept counts, of spans from the parameter `first` on and before `end`."""
        columns = self.table.c
        where = [*self._common(columns), *_range(columns.place, first, end)]
        return and_(*where) if self.of_number else and_(columns.span == span, *where)

    def logged(self, start: str | None, end: str | None) -> ColumnElement[bool]:
        """The rows of the log that started from the parameter `start` on and before `end` (Unix seconds)."""
        return and_(*self._common(CALLS.c), *_range(CALLS.c.started_at, start, end))

    def _common(self, columns: Any) -> list[ColumnElement[bool]]:
        where = [
            columns.organization_id == bindparam("organization_id"),
            _one_of(columns.direction, self.directions),
            _one_of(columns.status, self.statuses),
        ]
        return [*where, columns.phone_number == bindparam("phone_number")] if self.of_number else where


class Among(NamedTuple):
    """The calls that are meant."""

    organization: str
    phone_number: str | None = None
    directions: tuple[Direction, ...] = DIRECTIONS
    statuses: tuple[CallStatus, ...] = ENDED

    @property
    def shape(self) -> Shape:
        return Shape(self.phone_number is not None, self.directions, self.statuses)

    @property
    def values(self) -> dict[str, Any]:
        """Of the parameters."""
        own = {} if self.phone_number is None else {"phone_number": self.phone_number}
        return {"organization_id": self.organization, **own}

    @property
    def spans(self) -> tuple[int, ...]:
        """Seconds of the spans that counts are kept of, long ones first."""
        return (DAY, HOUR) if self.phone_number is None else (DAY,)

    def newest(
        self, start: float | None, end: float | None, skip: int, limit: int
    ) -> tuple[Select[Any], dict[str, Any]]:
        """A statement for ids and starts of these calls that started from `start` on and before `end` (Unix seconds),
        newest first, and its values."""
        values = {**self.values, "skip": skip, "limit": limit, "reach": skip + limit}
        values |= {} if start is None else {"start": start}
        values |= {} if end is None else {"end": end}
        return _newest(self.shape, start is not None, end is not None), values


@cache
def _newest(shape: Shape, start: bool, end: bool) -> Select[Any]:
    """Of each direction and status the index has the calls in this order, so that of each no more are read than there
    may be in the page; then these are merged."""
    arms = [
        _in_order(
            select(CALLS.c.id, CALLS.c.started_at).where(
                part.logged("start" if start else None, "end" if end else None)
            )
        )
        for direction in shape.directions
        for status in shape.statuses
        for part in [shape._replace(directions=(direction,), statuses=(status,))]
    ]
    whole = arms[0]
    if len(arms) > 1:
        reach = bindparam("reach", type_=Integer)
        whole = _in_order(select(union_all(*[select(arm.limit(reach).subquery()) for arm in arms]).subquery()))
    return whole.limit(bindparam("limit", type_=Integer)).offset(bindparam("skip", type_=Integer))


def _in_order(statement: Select[Any]) -> Select[Any]:
    columns = statement.selected_columns
    return statement.order_by(desc(columns.started_at), desc(columns.id))


def _one_of(column: Column[Any], values: Sequence[str]) -> ColumnElement[bool]:
    return column == values[0] if len(values) == 1 else column.in_(values)


def _range(column: Column[Any], first: str | None, end: str | None) -> list[ColumnElement[bool]]:
    where = [] if first is None else [column >= bindparam(first)]
    return where if end is None else [*where, column < bindparam(end)]
