"""The call log in the database.

The journal's mover writes calls in groups when they have ended; those that go on are in `open_calls`, and lists show
both, newest first.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Integer, Row, Select, bindparam, case, delete, desc, func, select

from trunkline.model.call import CallRecord, CallStatus, Direction, LegRecord, TransferRecord
from trunkline.store.database.database import Session
from trunkline.store.database.paging import Page
from trunkline.store.database.tables import CALLS, LEGS, OPEN_CALLS, TRANSCRIPTS
from trunkline.store.database.upsert import BACKENDS, Bulk, insert_missing, upsert
from trunkline.store.rows.open_calls import open_record

_ENCODER = msgspec.json.Encoder()
_CHUNK = 500
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
    __slots__ = ("_backend", "_session")

    def __init__(self, session: Session, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def write(self, records: Sequence[CallRecord]) -> None:
        """Insert calls that have ended, or put them over the same ones."""
        if not records:
            return
        await _UPSERT[self._backend].run(self._session, [_row(record) for record in records])
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
        # Those that go on are few: they are merged in here, for a union in SQL would sort the whole log.
        place = operator.itemgetter(*((1, 0) if organization is not None else (0,)))
        live = await self._session.rows(asked.open, given) if status in (None, "in-progress") else []
        offset = (page - 1) * per_page
        before = max(0, offset - len(live))
        wanted = per_page + offset - before
        ended: Sequence[Row[Any]] = ()
        total = len(live)
        if status != "in-progress":
            ended = await self._session.rows(asked.ended, {**given, "limit": wanted, "offset": before})
            if len(ended) == wanted or (before and not ended):
                total += int(await self._session.scalar(asked.number, given))
            else:
                total += before + len(ended)  # the page shows where the list ends
        # At most `before` of those that go on can be newer than what was passed over, so the page is among these.
        merged = sorted([*live, *ended], key=place, reverse=True)
        found_ids = [row[0] for row in merged[offset - before : offset - before + per_page]]
        going_on = {row.id for row in live}
        found = await self._open([id_ for id_ in found_ids if id_ in going_on])
        # A call may be in both: what is logged is the last word.
        found |= await self._logged(found_ids)
        return Page([found[id_] for id_ in found_ids], total)

    async def _logged(self, ids: Sequence[str]) -> dict[str, CallRecord]:
        if not ids:
            return {}
        return {row.id: _record(row) for row in await self._session.rows(_LOGGED, {"ids": ids})}

    async def _open(self, ids: Sequence[str]) -> dict[str, CallRecord]:
        if not ids:
            return {}
        return {row.id: open_record(row.record) for row in await self._session.rows(_GOING_ON, {"ids": ids})}

    async def stats(
        self, organization: str, phone_number: str, *, start: float | None = None, end: float | None = None
    ) -> CallStats:
        """The calls of an organization's number that started from `start` on and before `end` (Unix seconds). A number
        that was imported again begins anew when `start` is not before its `created_at`."""
        values: dict[str, Any] = {"organization": organization, "number": phone_number}
        if start is not None:
            values["start"] = start
        if end is not None:
            values["end"] = end
        statement = _stats(start is not None, end is not None)
        return CallStats._make((await self._session.execute(statement, values)).one())

    async def outbound_minutes(self, since: float) -> dict[str, int]:
        """Begun minutes of the outbound calls that ended at `since` (Unix seconds) or later, by organization."""
        minutes = func.sum((CALLS.c.duration + 59) // 60).label("minutes")
        statement = (
            select(CALLS.c.organization_id, minutes)
            .where(CALLS.c.ended_at >= since, CALLS.c.direction == "outbound")
            .group_by(CALLS.c.organization_id)
        )
        return {row.organization_id: int(row.minutes) for row in await self._session.rows(statement)}

    async def reached(self, organization: str, phone_numbers: Sequence[str]) -> set[str]:
        """Those of the numbers that have an inbound call in the log."""
        found: set[str] = set()
        for start in range(0, len(phone_numbers), _CHUNK):
            statement = select(CALLS.c.phone_number).where(
                CALLS.c.organization_id == organization,
                CALLS.c.phone_number.in_(phone_numbers[start : start + _CHUNK]),
                CALLS.c.direction == "inbound",
            )
            found.update(row.phone_number for row in await self._session.rows(statement.distinct()))
        return found

    async def delete_ended_before(self, wall: float, *, limit: int = 500) -> int:
        """Delete up to `limit` calls that ended before `wall`, the oldest first; how many went. Call again, in a new
        transaction, until it is fewer than `limit`: no writer waits long."""
        old = select(CALLS.c.id, CALLS.c.legs).where(CALLS.c.ended_at < wall).order_by(CALLS.c.ended_at).limit(limit)
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
        return len(rows)


class _Listing(NamedTuple):
    """What a page asks."""

    open: Select[Any]
    """Those that go on."""
    ended: Select[Any]
    """The ids first, from the indexes alone: a far page reads no row that it passes over."""
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
    ids = ended.order_by(*order).limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))
    return _Listing(open_, ids, ended.with_only_columns(func.count(), maintain_column_froms=True))


@cache
def _stats(start: bool, end: bool) -> Select[Any]:
    inbound, minutes = _C.direction == "inbound", (_C.duration + 59) // 60
    statement = select(
        func.coalesce(func.sum(case((inbound, 1), else_=0)), 0),
        func.coalesce(func.sum(case((inbound, 0), else_=1)), 0),
        func.coalesce(func.sum(_C.duration), 0),
        func.coalesce(func.sum(case((inbound, minutes), else_=0)), 0),
        func.coalesce(func.sum(case((inbound, 0), else_=minutes)), 0),
        func.max(_C.started_at),
    ).where(_C.organization_id == bindparam("organization"), _C.phone_number == bindparam("number"))
    if start:
        statement = statement.where(_C.started_at >= bindparam("start"))
    return statement.where(_C.started_at < bindparam("end")) if end else statement


_C, _OPEN = CALLS.c, OPEN_CALLS.c
_LOGGED = select(CALLS).where(_C.id.in_(bindparam("ids", expanding=True)))
_GOING_ON = select(_OPEN.id, _OPEN.record).where(
    _OPEN.id.in_(bindparam("ids", expanding=True)), _OPEN.record.is_not(None)
)
_FORGET = delete(LEGS).where(LEGS.c.sip_call_id == bindparam("leg"), LEGS.c.call_id == bindparam("call"))
_COLUMNS = [column.name for column in CALLS.c]
assert _COLUMNS[-2:] == ["legs", "transfers"]
_plain = operator.attrgetter(*_COLUMNS[:-2])
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
