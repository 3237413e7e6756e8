"""How many calls there are, without counting them.

Two tables are kept beside the call log, in the transactions that write and delete its rows: the calls of an
organization by the hour and by the day, and those of a number by the day, each by direction and status. The total of a
list is the sum of whole days and hours, and of what lies before and after these, which alone is counted in the log's
index. The same sums say in which hour a far page begins, so that nothing is passed over to come there.

A call counts where it started (UTC).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Table,
    bindparam,
    delete,
    desc,
    func,
    literal,
    literal_column,
    select,
)

from trunkline.store.database.call_tables import CALL_COUNTS, CALLS, NUMBER_COUNTS
from trunkline.store.database.database import Session
from trunkline.store.database.upsert import BACKENDS, Bulk, upsert
from trunkline.store.rows.call_filter import DAY, HOUR, Among, Shape

Counted = tuple[str, str | None, str, str, float, int]
"""A call as far as it is counted: these columns of it."""
COUNTED = ("organization_id", "phone_number", "direction", "status", "started_at", "duration")


class Place(NamedTuple):
    """Where a page begins: the calls before `end`, less the first `skip` of them, from the newest on. Those that are
    skipped started at `since` or later."""

    end: float | None
    since: float | None
    skip: int


class Sums(NamedTuple):
    """What calls come to."""

    calls: int
    seconds: int
    minutes: int
    """Each call's rounded up."""


NOTHING = Sums(0, 0, 0)


class CallCounts:
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def change(self, come: Iterable[Counted], gone: Iterable[Counted]) -> None:
        """These calls have come into the log, and those have gone from it."""
        hours: dict[tuple[str, str | None, str, str, int], list[int]] = {}
        for sign, those in ((1, come), (-1, gone)):
            for organization, phone_number, direction, status, started_at, duration in those:
                key = (organization, phone_number, direction, status, int(started_at) // HOUR)
                sums = hours.get(key)
                if sums is None:
                    sums = hours[key] = [0, 0, 0]
                sums[0] += sign
                if duration:
                    sums[1] += sign * duration
                    sums[2] += sign * ((duration + 59) // 60)
        calls: dict[tuple[str, int, int, str, str], int] = {}
        of_number: dict[tuple[str, str, int, str, str], list[int]] = {}
        for (organization, phone_number, direction, status, hour), sums in hours.items():
            day = hour * HOUR // DAY
            for span, place in ((DAY, day), (HOUR, hour)):
                at = (organization, span, place, direction, status)
                calls[at] = calls.get(at, 0) + sums[0]
            if phone_number is not None:
                same = (organization, phone_number, day, direction, status)
                known = of_number.get(same)
                of_number[same] = sums if known is None else list(map(operator.add, known, sums))
        await self._add(CALL_COUNTS, [(*key, count) for key, count in calls.items() if count])
        await self._add(NUMBER_COUNTS, [(*key, *sums) for key, sums in of_number.items() if any(sums)])

    async def _add(self, table: Table, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        await _ADD[self._backend, table.name].run(self._session, rows)
        keys = _KEYS[table.name]
        less = [row[: len(keys)] for row in rows if row[len(keys)] < 0]
        if less:
            await _SWEEP[self._backend, table.name].run(self._session, less)

    async def total(self, among: Among, start: float | None = None, end: float | None = None) -> int:
        """How many of these calls started from `start` on and before `end` (Unix seconds)."""
        return await self._total(among, start, end, among.spans)

    async def place(self, among: Among, start: float | None, end: float | None, skip: int) -> Place | None:
        """Where the page begins that comes after the `skip` newest of these calls; None when there are no more."""
        return await self._place(among, start, end, skip, among.spans)

    async def sums(self, among: Among, start: float | None, end: float | None) -> dict[str, Sums]:
        """What these calls of a number come to, by direction; without those of which there are none."""
        found: dict[str, Sums] = {}
        for piece in _days(start, end):
            change = operator.sub if piece.less else operator.add
            statement = _summed(among.shape, piece.shape)
            for row in await self._session.rows(statement, {**among.values, **piece.values("")}):
                before = found.get(row.direction, NOTHING)
                found[row.direction] = Sums._make(map(int, map(change, before, row[1:])))
        return {direction: sums for direction, sums in found.items() if sums.calls}

    async def reached(self, organization: str, phone_numbers: Sequence[str]) -> set[str]:
        """Those of an organization's numbers that have an inbound call."""
        kept = NUMBER_COUNTS.c
        statement = select(kept.phone_number).where(
            kept.organization_id == organization, kept.phone_number.in_(phone_numbers), kept.direction == "inbound"
        )
        return {row.phone_number for row in await self._session.rows(statement.distinct())}

    async def _total(self, among: Among, start: float | None, end: float | None, spans: Sequence[int]) -> int:
        whole_days = among.phone_number is not None and spans
        pieces = list(_days(start, end) if whole_days else _pieces(start, end, spans))
        values = among.values
        for place, piece in enumerate(pieces):
            values |= piece.values(str(place))
        statement = _counted(among.shape, tuple(piece.shape for piece in pieces))
        return int((await self._session.execute(statement, values)).scalar_one())

    async def _place(
        self, among: Among, start: float | None, end: float | None, skip: int, spans: Sequence[int]
    ) -> Place | None:
        if not spans:
            return await self._narrowed(among, start, end, skip)
        newer, whole, older = _parts(start, end, spans[0])
        if newer is not None:
            there = await self._total(among, *newer, spans[1:])
            if skip < there:
                return await self._place(among, *newer, skip, spans[1:])
            skip -= there
        if whole is not None:
            piece = Piece(spans[0], *whole)
            values = {**among.values, **piece.values(""), "skip": skip}
            found = (await self._session.execute(_running(among.shape, piece.shape), values)).first()
            if found is not None:
                begin = found.place * spans[0]
                rest = skip - int(found.through - found.calls)
                return await self._place(among, begin, begin + spans[0], rest, spans[1:])
            skip -= await self._total(among, *whole, spans[:1])
        if older is None:
            return None
        return await self._place(among, *older, skip, spans[1:])

    async def _narrowed(self, among: Among, start: float | None, end: float | None, skip: int) -> Place:
        """The same place, in an hour or a day that has been halved, each time by a count, until little is skipped."""
        while skip > _LITTLE and start is not None and end is not None and end - start > 1:
            middle = start + (end - start) / 2
            newer = await self._total(among, middle, end, ())
            if skip < newer:
                start = middle
            else:
                end, skip = middle, skip - newer
        return Place(end, start, skip)


_LITTLE = 2000
"""Calls that are rather passed over than counted once more."""
Range = tuple[float | None, float | None]


class PieceShape(NamedTuple):
    span: int
    starts: bool
    ends: bool
    less: bool


class Piece(NamedTuple):
    """A part of a range: whole spans, of which counts are kept, or (0) what is counted one by one; `less`: of what the
    other parts have too much."""

    span: int
    start: float | None
    end: float | None
    less: bool = False

    @property
    def shape(self) -> PieceShape:
        return PieceShape(self.span, self.start is not None, self.end is not None, self.less)

    def values(self, mark: str) -> dict[str, float]:
        """Of the parameters `first` and `end`, with this mark: places of spans, or Unix seconds."""
        given = (("first", self.start), ("end", self.end))
        at = {f"{name}{mark}": edge for name, edge in given if edge is not None}
        return {name: int(edge) // self.span for name, edge in at.items()} if self.span else at


def _pieces(start: float | None, end: float | None, spans: Sequence[int]) -> Iterator[Piece]:
    """What a range is made of, whole spans as long as can be."""
    if not spans:
        yield Piece(0, start, end)
        return
    newer, whole, older = _parts(start, end, spans[0])
    if whole is not None:
        yield Piece(spans[0], *whole)
    for part in (newer, older):
        if part is not None:
            yield from _pieces(*part, spans[1:])


def _days(start: float | None, end: float | None) -> Iterator[Piece]:
    """The same of a number. Its first day is whole, less what was before: where a number is asked for since it was
    imported, that is nothing."""
    first = None if start is None else int(start // DAY) * DAY
    last = None if end is None else int(end // DAY) * DAY
    if first is not None and last is not None and first >= last:
        yield Piece(0, start, end)
        return
    yield Piece(DAY, first, last)
    if start is not None and first is not None and first < start:
        yield Piece(0, first, start, less=True)
    if end is not None and last is not None and last < end:
        yield Piece(0, last, end)


def _parts(start: float | None, end: float | None, span: int) -> tuple[Range | None, Range | None, Range | None]:
    """A range as what is newer than its whole spans, these, and what is older."""
    first = None if start is None else -int(-start // span) * span
    last = None if end is None else int(end // span) * span
    if first is not None and last is not None and first >= last:
        return (start, end), None, None
    newer = None if end is None or last is None or end == last else (float(last), end)
    older = None if start is None or first is None or start == first else (start, float(first))
    return newer, (first, last), older


def _within(shape: Shape, piece: PieceShape, mark: str = "") -> ColumnElement[bool]:
    first, end = f"first{mark}" if piece.starts else None, f"end{mark}" if piece.ends else None
    return shape.kept(piece.span, first, end) if piece.span else shape.logged(first, end)


@cache
def _counted(shape: Shape, pieces: tuple[PieceShape, ...]) -> Select[Any]:
    """How many these are, in all pieces together."""
    counts = []
    for place, piece in enumerate(pieces):
        if piece.span:
            count = select(func.coalesce(func.sum(shape.table.c.calls), 0))
        else:
            count = select(func.count()).select_from(CALLS)
        asked = count.where(_within(shape, piece, str(place))).scalar_subquery()
        counts.append(-asked if piece.less else asked)
    return select(functools.reduce(operator.add, counts))


@cache
def _summed(shape: Shape, piece: PieceShape) -> Select[Any]:
    """What they come to, by direction."""
    if piece.span:
        columns: Any = NUMBER_COUNTS.c
        statement = select(columns.direction, *[func.sum(columns[name]) for name in Sums._fields])
        return statement.where(_within(shape, piece)).group_by(columns.direction)
    each = (
        select(
            CALLS.c.direction,
            literal(1).label("calls"),
            CALLS.c.duration.label("seconds"),
            ((CALLS.c.duration + 59) // 60).label("minutes"),
        )
        .where(_within(shape, piece))
        .subquery()
    )
    return select(each.c.direction, *[func.sum(each.c[name]) for name in Sums._fields]).group_by(each.c.direction)


@cache
def _running(shape: Shape, piece: PieceShape) -> Select[Any]:
    """The span in which the call after the `skip` newest lies, and how many there are through it."""
    columns = shape.table.c
    by_span = (
        select(columns.place, func.sum(columns.calls).label("calls"))
        .where(_within(shape, piece))
        .group_by(columns.place)
        .subquery()
    )
    through = func.sum(by_span.c.calls).over(order_by=desc(by_span.c.place)).label("through")
    running = select(by_span.c.place, by_span.c.calls, through).subquery()
    beyond = running.c.through > bindparam("skip", type_=Integer)
    return select(running).where(beyond).order_by(desc(running.c.place)).limit(1)


_KEYS = {
    CALL_COUNTS.name: ["organization_id", "span", "place", "direction", "status"],
    NUMBER_COUNTS.name: ["organization_id", "phone_number", "place", "direction", "status"],
}


def _adding(backend: str, table: Table) -> Bulk:
    keys = _KEYS[table.name]
    values = [column.name for column in table.c if column.name not in keys]
    statement = upsert(backend, table, keys, lambda new: {name: table.c[name] + new[name] for name in values})
    return Bulk(backend, statement, [*keys, *values])


def _sweeping(backend: str, table: Table) -> Bulk:
    keys = _KEYS[table.name]
    same = [table.c[name] == bindparam(f"of_{name}") for name in keys]
    none = table.c.calls <= literal_column("0")
    return Bulk(backend, delete(table).where(*same, none), [f"of_{name}" for name in keys])


_BOTH = [(backend, table) for backend in BACKENDS for table in (CALL_COUNTS, NUMBER_COUNTS)]
_ADD = {(backend, table.name): _adding(backend, table) for backend, table in _BOTH}
_SWEEP = {(backend, table.name): _sweeping(backend, table) for backend, table in _BOTH}
