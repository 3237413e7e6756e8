"""The call log in the database.

The journal's mover writes calls in groups when they have ended; those that go on are in `open_calls`, and lists show
both, newest first.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, delete, desc, func, select

from trunkline.model.call import CallRecord, CallStatus, Direction, LegRecord, TransferRecord
from trunkline.store.database.call_tables import CALLS, LEGS, OPEN_CALLS, OUTBOUND, TRANSCRIPTS
from trunkline.store.database.database import Session
from trunkline.store.database.paging import Page
from trunkline.store.database.upsert import BACKENDS, Bulk, insert_missing, upsert
from trunkline.store.rows.call_counts import COUNTED, NOTHING, CallCounts, Counted
from trunkline.store.rows.call_filter import DIRECTIONS, ENDED, Among
from trunkline.store.rows.open_calls import open_record

_ENCODER = msgspec.json.Encoder()
_CHUNK = 500
_FAR = 1000
"""Calls that a page may simply pass over."""
_LEGS = msgspec.json.Decoder(tuple[LegRecord, ...])
_TRANSFERS = msgspec.json.Decoder(tuple[TransferRecord, ...])


class CallStats(NamedTuple):
    """The calls of a number in a period."""

    inbound: int
    outbound: int
    seconds: int
    """From answer to end, summed."""
    inbound_minutes: int
    """Each call's minutes rounded up, as they are billed, summed."""
    outbound_minutes: int
    last_call_at: float | None

    @property
    def total(self) -> int:
        return self.inbound + self.outbound


class Calls:
    __slots__ = ("_backend", "_counts", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend
        self._counts = CallCounts(session, backend)

    async def write(self, records: Sequence[CallRecord], *, fresh: bool = False) -> None:
        """Insert calls that have ended, or put them over the same ones: over none when they are `fresh`. Each is there
        once."""
        if not records:
            return
        rows = [_row(record) for record in records]
        there = [] if fresh else await self._counted([record.id for record in records])
        await self._counts.change(map(_counted, rows), there)
        await _UPSERT[self._backend].run(self._session, rows)
        legs = [(leg.sip_call_id, record.id) for record in records for leg in record.legs if leg.sip_call_id]
        if legs:
            await _INDEX[self._backend].run(self._session, legs)

    async def get(self, id_: str, *, organization: str | None) -> CallRecord | None:
        """A call of the log, or one that goes on. None also when it is another organization's; `organization` None asks
        for an operator, who sees all."""
        record = (await self._logged([id_])).get(id_) or (await self._open([id_])).get(id_)
        return record if record and organization in (None, record.organization_id) else None

    async def by_sip_call_id(self, sip_call_id: str, *, organization: str | None) -> list[CallRecord]:
        """The ended calls that have a leg with this SIP Call-ID, newest first: one, unless the peers repeat
        themselves."""
        rows = await self._session.rows(select(LEGS.c.call_id).where(LEGS.c.sip_call_id == sip_call_id))
        found = (await self._logged([row.call_id for row in rows])).values()
        mine = [record for record in found if organization in (None, record.organization_id)]
        return sorted(mine, key=lambda record: record.started_at, reverse=True)

    async def page(
        self,
        *,
        organization: str | None,
        phone_number: str | None = None,
        direction: Direction | None = None,
        status: CallStatus | None = None,
        start: float | None = None,
        end: float | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[CallRecord]:
        """Those that started from `start` on and before `end` (Unix seconds), newest first, whether they have ended or
        go on."""
        named = {
            "organization_id": organization,
            "phone_number": phone_number,
            "direction": direction,
            "start": start,
            "end": end,
            "status": status,
        }
        given = {name: value for name, value in named.items() if value is not None}
        asked = _listing(frozenset(given))
        offset = (page - 1) * per_page
        # Those that go on are few: they are merged in here, for a union in SQL would sort the whole log.
        live: Sequence[Row[Any]] = ()
        going_on = 0
        if status in (None, "in-progress"):
            live = await self._session.rows(asked.open, {**given, "limit": offset + per_page})
            full = len(live) == offset + per_page
            going_on = int(await self._session.scalar(asked.opened, given)) if full else len(live)
        before = max(0, offset - going_on)
        wanted = per_page + offset - before
        ended: Sequence[Row[Any]] = ()
        total = going_on
        if organization is None and status != "in-progress":
            ended = await self._session.rows(asked.ended, {**given, "limit": wanted, "offset": before})
            total += int(await self._session.scalar(asked.number, given))
        elif organization is not None and status != "in-progress":
            directions = DIRECTIONS if direction is None else (direction,)
            among = Among(organization, phone_number, directions, ENDED if status is None else (status,))
            logged = await self._counts.total(among, start, end)
            ended = await self._ids(among, start, end, before, wanted) if logged > before else ()
            total += logged
        # Over all organizations no index begins with the time, but the ids are in its order too.
        place = operator.itemgetter(*((1, 0) if organization is not None else (0,)))
        # At most `before` of those that go on can be newer than what was passed over, so the page is among these.
        merged = sorted([*live, *ended], key=place, reverse=True)
        found_ids = [row[0] for row in merged[offset - before : offset - before + per_page]]
        open_ids = {row.id for row in live}
        found = await self._open([id_ for id_ in found_ids if id_ in open_ids])
        # A call may be in both: what is logged is the last word.
        found |= await self._logged(found_ids)
        return Page([found[id_] for id_ in found_ids], total)

    async def _ids(
        self, among: Among, start: float | None, end: float | None, skip: int, limit: int
    ) -> Sequence[Row[Any]]:
        """Up to `limit` of these calls after the `skip` newest, as id and start."""
        if skip < _FAR:
            return await self._session.rows(*among.newest(start, end, skip, limit))
        at = await self._counts.place(among, start, end, skip)
        if at is None:
            return ()
        found = await self._session.rows(*among.newest(at.since, at.end, at.skip, limit))
        if len(found) == limit or at.since is None:
            return found
        return [*found, *await self._session.rows(*among.newest(start, at.since, 0, limit - len(found)))]

    async def _logged(self, ids: Sequence[str]) -> dict[str, CallRecord]:
        if not ids:
            return {}
        return {row.id: _record(row) for row in await self._session.rows(_LOGGED, {"ids": ids})}

    async def _counted(self, ids: Sequence[str]) -> list[Counted]:
        """What is counted already of these."""
        found: list[Counted] = []
        for start in range(0, len(ids), _CHUNK):
            found += map(tuple, await self._session.rows(_COUNTED, {"ids": ids[start : start + _CHUNK]}))
        return found

    async def _open(self, ids: Sequence[str]) -> dict[str, CallRecord]:
        if not ids:
            return {}
        return {row.id: open_record(row.record) for row in await self._session.rows(_GOING_ON, {"ids": ids})}

    async def stats(
        self, organization: str, phone_number: str, *, start: float | None = None, end: float | None = None
    ) -> CallStats:
        """The calls of an organization's number that started from `start` on and before `end` (Unix seconds). A number
        that was imported again begins anew when `start` is not before its `created_at`."""
        among = Among(organization, phone_number)
        sums = await self._counts.sums(among, start, end)
        inbound, outbound = sums.get("inbound", NOTHING), sums.get("outbound", NOTHING)
        newest = await self._session.rows(*among.newest(start, end, 0, 1)) if sums else ()
        return CallStats(
            inbound.calls,
            outbound.calls,
            inbound.seconds + outbound.seconds,
            inbound.minutes,
            outbound.minutes,
            newest[0].started_at if newest else None,
        )

    async def outbound_minutes(self, since: float) -> dict[str, int]:
        """Begun minutes of the outbound calls that ended at `since` (Unix seconds) or later, by organization."""
        minutes = func.sum((CALLS.c.duration + 59) // 60).label("minutes")
        # Not the bare column: SQLite would rather walk through all calls in the order of an index that begins with it.
        organization = CALLS.c.organization_id.concat("")
        statement = (
            select(organization.label("organization_id"), minutes)
            .where(CALLS.c.ended_at >= since, OUTBOUND)
            .group_by(organization)
        )
        rows: Sequence[Row[Any]] = (await self._session.execute(statement)).all()
        return {row.organization_id: int(row.minutes) for row in rows}

    async def reached(self, organization: str, phone_numbers: Sequence[str]) -> set[str]:
        """Those of the numbers that have an inbound call in the log."""
        found: set[str] = set()
        for start in range(0, len(phone_numbers), _CHUNK):
            found |= await self._counts.reached(organization, phone_numbers[start : start + _CHUNK])
        return found

    async def delete_ended_before(self, wall: float, *, limit: int = 500) -> int:
        """Delete up to `limit` calls that ended before `wall`, the oldest first; how many went. Call again, in a new
        transaction, until it is fewer than `limit`: no writer waits long."""
        columns = (CALLS.c.id, CALLS.c.legs, *map(CALLS.c.__getitem__, COUNTED))
        old = select(*columns).where(CALLS.c.ended_at < wall).order_by(CALLS.c.ended_at).limit(limit)
        rows = await self._session.rows(old)
        if not rows:
            return 0
        legs = [
            {"leg": leg.sip_call_id, "call": row.id}
            for row in rows
            for leg in _LEGS.decode(row.legs)
            if leg.sip_call_id
        ]
        if legs:
            await self._session.execute(_FORGET, legs)
        await self._session.execute(delete(TRANSCRIPTS).where(TRANSCRIPTS.c.call_id.in_([row.id for row in rows])))
        await self._session.execute(delete(CALLS).where(CALLS.c.id.in_([row.id for row in rows])))
        gone: list[Any] = [row[2:] for row in rows]
        await self._counts.change([], gone)
        return len(rows)


class _Listing(NamedTuple):
    """What a page asks."""

    open: Select[Any]
    """Those that go on."""
    opened: Select[Any]
    """How many these are."""
    ended: Select[Any]
    """Of all organizations, the ids first: a far page reads no row that it passes over."""
    number: Select[Any]
    """How many have ended."""


@cache
def _listing(given: frozenset[str]) -> _Listing:
    """The statements that filter by these; making them takes longer than a database does to answer."""
    open_, ended = select(_OPEN.id, _OPEN.started_at).where(_OPEN.record.is_not(None)), select(_C.id, _C.started_at)
    for name in ("organization_id", "phone_number", "direction"):
        if name in given:
            open_, ended = open_.where(_OPEN[name] == bindparam(name)), ended.where(_C[name] == bindparam(name))
    if "start" in given:
        open_ = open_.where(_OPEN.started_at >= bindparam("start"))
        ended = ended.where(_C.started_at >= bindparam("start"))
    if "end" in given:
        open_ = open_.where(_OPEN.started_at < bindparam("end"))
        ended = ended.where(_C.started_at < bindparam("end"))
    if "status" in given:
        ended = ended.where(_C.status == bindparam("status"))
    # Over all organizations no index begins with the time, but the ids are in its order too.
    order = (desc(_C.started_at), desc(_C.id)) if "organization_id" in given else (desc(_C.id),)
    limit = bindparam("limit", type_=Integer)
    newest: tuple[ColumnElement[Any], ...] = (desc(_OPEN.started_at), desc(_OPEN.id))[len(order) == 1 :]
    return _Listing(
        open_.order_by(*newest).limit(limit),
        open_.with_only_columns(func.count(), maintain_column_froms=True),
        ended.order_by(*order).limit(limit).offset(bindparam("offset", type_=Integer)),
        ended.with_only_columns(func.count(), maintain_column_froms=True),
    )


_C, _OPEN = CALLS.c, OPEN_CALLS.c
_LOGGED = select(CALLS).where(_C.id.in_(bindparam("ids", expanding=True)))
_COUNTED = select(*map(_C.__getitem__, COUNTED)).where(_C.id.in_(bindparam("ids", expanding=True)))
_GOING_ON = select(_OPEN.id, _OPEN.record).where(
    _OPEN.id.in_(bindparam("ids", expanding=True)), _OPEN.record.is_not(None)
)
_FORGET = delete(LEGS).where(LEGS.c.sip_call_id == bindparam("leg"), LEGS.c.call_id == bindparam("call"))
_COLUMNS = [column.name for column in CALLS.c]
assert _COLUMNS[-2:] == ["legs", "transfers"]
_plain = operator.attrgetter(*_COLUMNS[:-2])
_counted: Callable[[Sequence[Any]], Counted] = operator.itemgetter(*map(_COLUMNS.index, COUNTED))
_UPSERT = {backend: Bulk(backend, upsert(backend, CALLS, ["id"]), _COLUMNS) for backend in BACKENDS}
_INDEX = {backend: Bulk(backend, insert_missing(backend, LEGS), ["sip_call_id", "call_id"]) for backend in BACKENDS}


def _row(record: CallRecord) -> tuple[Any, ...]:
    transfers = _ENCODER.encode(record.transfers).decode() if record.transfers else "[]"
    return (*_plain(record), _ENCODER.encode(record.legs).decode(), transfers)


def _record(row: Row[Any]) -> CallRecord:
    fields = dict(row._mapping)
    del fields["duration"]
    fields["legs"] = _LEGS.decode(fields["legs"])
    fields["transfers"] = _TRANSFERS.decode(fields["transfers"]) if fields["transfers"] != "[]" else ()
    return CallRecord(**fields)
