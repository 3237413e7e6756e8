"""The call log in the database.

Rows come from the journal's mover in groups (`write`), the latest state of a call over the earlier one. Lists are
newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, Row, case, delete, func, or_, select

from trunkline.model.call import CallRecord, CallStatus, Direction, LegRecord
from trunkline.store.database import Session
from trunkline.store.paging import Page, page_of
from trunkline.store.tables import CALLS, LEGS
from trunkline.store.upsert import insert_missing, upsert

_ENCODER = msgspec.json.Encoder()
_LEGS = msgspec.json.Decoder(tuple[LegRecord, ...])


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
        """Insert each call, or put the record over the one that is there. A call that has ended does not go on again:
        an earlier state that comes late changes nothing."""
        if not records:
            return
        await self._session.execute(_UPSERT[self._backend], [_row(record) for record in records])
        legs = [
            {"sip_call_id": leg.sip_call_id, "call_id": record.id}
            for record in records
            for leg in record.legs
            if leg.sip_call_id is not None
        ]
        if legs:
            await self._session.execute(_INDEX[self._backend], legs)

    async def get(self, id_: str, *, organization: str | None) -> CallRecord | None:
        """None also when it is another organization's; `organization` None asks for an operator, who sees all."""
        where = [CALLS.c.id == id_]
        if organization is not None:
            where.append(CALLS.c.organization_id == organization)
        row = await self._session.first(select(CALLS).where(*where))
        return call_record(row) if row else None

    async def by_sip_call_id(self, sip_call_id: str, *, organization: str | None) -> list[CallRecord]:
        """The calls that have a leg with this SIP Call-ID, newest first: one, unless the peers repeat themselves."""
        where: list[ColumnElement[bool]] = [
            CALLS.c.id.in_(select(LEGS.c.call_id).where(LEGS.c.sip_call_id == sip_call_id))
        ]
        if organization is not None:
            where.append(CALLS.c.organization_id == organization)
        rows = await self._session.rows(select(CALLS).where(*where).order_by(CALLS.c.started_at.desc()))
        return [call_record(row) for row in rows]

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
        """Those that started from `start` on and before `end` (Unix seconds), newest first."""
        where: list[ColumnElement[bool]] = []
        if organization is not None:
            where.append(CALLS.c.organization_id == organization)
        if phone_number is not None:
            where.append(CALLS.c.phone_number == phone_number)
        if direction is not None:
            where.append(CALLS.c.direction == direction)
        if status is not None:
            where.append(CALLS.c.status == status)
        if start is not None:
            where.append(CALLS.c.started_at >= start)
        if end is not None:
            where.append(CALLS.c.started_at < end)
        # Without an organization no index begins with the time; the id is sortable by it too.
        order = [CALLS.c.started_at.desc(), CALLS.c.id.desc()] if organization is not None else [CALLS.c.id.desc()]
        rows, total = await page_of(self._session, CALLS, where, order, page, per_page)
        return Page([call_record(row) for row in rows], total)

    async def stats(self, number_id: str, *, start: float | None = None, end: float | None = None) -> CallStats:
        """The calls of a number that started from `start` on and before `end` (Unix seconds)."""
        inbound, minutes = CALLS.c.direction == "inbound", (CALLS.c.duration + 59) // 60
        statement = select(
            func.coalesce(func.sum(case((inbound, 1), else_=0)), 0),
            func.coalesce(func.sum(case((inbound, 0), else_=1)), 0),
            func.coalesce(func.sum(CALLS.c.duration), 0),
            func.coalesce(func.sum(case((inbound, minutes), else_=0)), 0),
            func.coalesce(func.sum(case((inbound, 0), else_=minutes)), 0),
            func.max(CALLS.c.started_at),
        ).where(CALLS.c.number_id == number_id)
        if start is not None:
            statement = statement.where(CALLS.c.started_at >= start)
        if end is not None:
            statement = statement.where(CALLS.c.started_at < end)
        return CallStats._make((await self._session.execute(statement)).one())

    async def delete_ended_before(self, wall: float, *, limit: int = 500) -> int:
        """Delete up to `limit` calls that ended before `wall`, the oldest first; how many went. Call again, in a new
        transaction, until it is fewer than `limit`: no writer waits long."""
        old = select(CALLS.c.id, CALLS.c.legs).where(CALLS.c.ended_at < wall).order_by(CALLS.c.ended_at).limit(limit)
        rows = await self._session.rows(old)
        if not rows:
            return 0
        legs = [(leg.sip_call_id, row.id) for row in rows for leg in _LEGS.decode(row.legs) if leg.sip_call_id]
        for start in range(0, len(legs), _PAIRS):
            pairs = legs[start : start + _PAIRS]
            await self._session.execute(
                delete(LEGS).where(or_(*((LEGS.c.sip_call_id == s) & (LEGS.c.call_id == c) for s, c in pairs)))
            )
        await self._session.execute(delete(CALLS).where(CALLS.c.id.in_([row.id for row in rows])))
        return len(rows)


_PAIRS = 200
_UPSERT = {
    backend: upsert(
        backend, CALLS, ["id"], where=lambda new: or_(CALLS.c.ended_at.is_(None), new.ended_at.is_not(None))
    )
    for backend in ("sqlite", "postgresql")
}
_INDEX = {backend: insert_missing(backend, LEGS) for backend in ("sqlite", "postgresql")}


def _row(record: CallRecord) -> dict[str, Any]:
    row = structs.asdict(record)
    row["legs"] = _ENCODER.encode(record.legs).decode()
    row["duration"] = record.duration
    return row


def call_record(row: Row[Any]) -> CallRecord:
    """The record that a row with all columns of the call log holds, whatever else it has."""
    fields = {name: row._mapping[name] for name in CallRecord.__struct_fields__}
    fields["legs"] = _LEGS.decode(fields["legs"])
    return CallRecord(**fields)
