"""Calls: the log, the ones going on, and their raw messages."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec
from msgspec import structs

from trunkline.control.answers import engine_answers, store_answers
from trunkline.control.configuration.state import State
from trunkline.control.errors import NotFound, Unavailable
from trunkline.control.ports import LiveCall, LiveCalls, Settle, Trace
from trunkline.model.call import CallRecord, CallStatus, Direction
from trunkline.model.number import Number
from trunkline.store.database.paging import Page
from trunkline.store.rows.calls import CallStats
from trunkline.store.store import Store
from trunkline.telemetry.shown import CallTrace

_FEW = 1000
"""Calls that may have a leg of one name."""


class CallFilter(msgspec.Struct, frozen=True, kw_only=True):
    phone_number: str | None = None
    direction: Direction | None = None
    status: CallStatus | None = None
    start: float | None = None
    """Unix seconds: calls that started then or later."""
    end: float | None = None
    """Unix seconds: calls that started before."""
    sip_call_id: str | None = None
    """The Call-ID of any of its legs, as it is."""
    page: int = 1
    per_page: int = 20

    def passes(self, call: CallRecord) -> bool:
        """Whether a call is among those asked for, whatever its status."""
        return (
            self.phone_number in (None, call.phone_number)
            and self.direction in (None, call.direction)
            and (self.start is None or call.started_at >= self.start)
            and (self.end is None or call.started_at < self.end)
            and (self.sip_call_id is None or any(leg.sip_call_id == self.sip_call_id for leg in call.legs))
        )


class Calls:
    __slots__ = ("_state", "_store")

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store

    async def page(self, organization_id: str, asked: CallFilter) -> Page[CallRecord]:
        """One page, newest first. Calls that go on are asked of the engine, the others of the log."""
        if asked.status == "in-progress":
            return await self.live(organization_id, asked)
        if asked.sip_call_id is not None:
            return await self._by_sip_call_id(organization_id, asked, asked.sip_call_id)
        await self._settle()
        with store_answers():
            async with self._store.read() as unit:
                return await unit.calls.page(
                    organization=organization_id,
                    phone_number=asked.phone_number,
                    direction=asked.direction,
                    status=asked.status,
                    start=asked.start,
                    end=asked.end,
                    page=asked.page,
                    per_page=asked.per_page,
                )

    async def _by_sip_call_id(self, organization_id: str, asked: CallFilter, sip_call_id: str) -> Page[CallRecord]:
        """The few calls that have a leg by this name, whether they go on or have ended."""
        live: dict[str, CallRecord] = {}
        if asked.status is None:
            # Without the engine none goes on.
            with contextlib.suppress(Unavailable):
                every = structs.replace(asked, page=1, per_page=_FEW)
                live = {call.id: call for call in (await self.live(organization_id, every)).rows}
        await self._settle()
        with store_answers():
            async with self._store.read() as unit:
                logged = await unit.calls.by_sip_call_id(sip_call_id, organization=organization_id)
        # A call may be in both: what is logged is the last word.
        both = (live | {call.id: call for call in logged if asked.status in (None, call.status)}).values()
        found = sorted(filter(asked.passes, both), key=lambda call: (call.started_at, call.id), reverse=True)
        start = (asked.page - 1) * asked.per_page
        return Page(found[start : start + asked.per_page], len(found))

    async def live(self, organization_id: str, asked: CallFilter) -> Page[CallRecord]:
        """One page of the organization's calls that go on, newest first; a status is not looked at. Raises
        `Unavailable`."""
        wanted = LiveCalls(
            organization_id=organization_id,
            phone_number=asked.phone_number,
            direction=asked.direction,
            start=asked.start,
            end=asked.end,
            sip_call_id=asked.sip_call_id,
            skip=(asked.page - 1) * asked.per_page,
            limit=asked.per_page,
        )
        with engine_answers():
            found = await self._state.engine.ask(wanted)
        return Page(list(found.calls), found.total)

    async def get(self, organization_id: str, id: str) -> CallRecord:
        """The call as it is now. Raises `NotFound`."""
        record = await self._live(id)
        if record is None:
            await self._settle()
            with store_answers():
                async with self._store.read() as unit:
                    record = await unit.calls.get(id, organization=organization_id)
        if record is None or record.organization_id != organization_id:
            raise NotFound("call_not_found", "There is no call with this id.")
        return record

    async def trace(self, organization_id: str, id: str) -> CallTrace:
        """The SIP messages, secrets hidden. Raises `NotFound` when there is no such call, or they are kept no more."""
        with engine_answers():
            trace = await self._state.engine.ask(Trace(call_id=id))
        if trace is None:
            await self.get(organization_id, id)
            raise NotFound("trace_not_found", "The messages of this call are no longer kept.")
        if trace.organization_id != organization_id:
            raise NotFound("call_not_found", "There is no call with this id.")
        return trace

    async def stats(self, number: Number, *, start: float | None = None, end: float | None = None) -> CallStats:
        """The calls of a number since it was imported; those that started from `start` on and before `end` (Unix
        seconds), where these are given."""
        await self._settle()
        since = number.created_at if start is None else start
        with store_answers():
            async with self._store.read() as unit:
                return await unit.calls.stats(number.organization_id, number.e164, start=since, end=end)

    async def reached(self, organization_id: str, e164s: Sequence[str]) -> set[str]:
        """Those of an organization's numbers that a call has ever come in for. Raises `Unavailable`."""
        with store_answers():
            async with self._store.read() as unit:
                return await unit.calls.reached(organization_id, e164s)

    async def _live(self, id: str) -> CallRecord | None:
        try:
            return await self._state.engine.ask(LiveCall(call_id=id))
        except ConnectionError:
            return None

    async def _settle(self) -> None:
        try:
            await self._state.engine.ask(Settle())
        except ConnectionError:
            return
