"""The engine as the control plane sees it (`control.ports.EnginePort`), in one process.

Only values pass. Everything is answered between two turns of the pump, so no answer shows the middle of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeGuard, TypeVar

from trunkline.call.b2bua.ledger import Ledger
from trunkline.call.beside.trial import PATIENCE
from trunkline.call.decision.departure import Objection
from trunkline.call.decision.explain import explain
from trunkline.call.decision.placing import place
from trunkline.call.decision.refusals import CAUSES
from trunkline.call.inputs import AddBan, HangUp, LiftBan, Originate, SendDigits, Transfer, Try
from trunkline.call.outputs import Done, Tried
from trunkline.control.ports import (
    Bans,
    BanSeen,
    Commanded,
    Devices,
    DigitsTo,
    Endpoints,
    Explain,
    Health,
    LiveCall,
    LiveCalls,
    LivePage,
    Metrics,
    NotPlaced,
    Place,
    Query,
    Readiness,
    Registration,
    Registrations,
    Settle,
    Tables,
    Trace,
    TransferOf,
    TrunkHealth,
    TrunkTrial,
    TryTrunk,
)
from trunkline.engine.engine import Engine
from trunkline.guard.source import source_of
from trunkline.model.call import CallRecord
from trunkline.model.change import Change, Put
from trunkline.model.trunk import Trunk
from trunkline.model.words import readable
from trunkline.providers.values import Endpoint
from trunkline.store.database.errors import StoreError
from trunkline.store.database.occupancy import Occupancy
from trunkline.store.mover import Mover

A = TypeVar("A")
_DIGITS = 60.0
"""Seconds that digits may take: as many as there may be, each as long as it may be, and an answer that is lost."""
_PART = 1000
"""Changes that the table takes between two messages: a few milliseconds. Each part is whole, and in its order."""
_SETTLE = 1.0
"""Seconds that a reader of the log waits for what has just ended."""


def _is_trunk(change: Change) -> TypeGuard[Put]:
    return isinstance(change, Put) and isinstance(change.record, Trunk)


def _words(text: str | None) -> str | None:
    """What a peer said."""
    return None if text is None else readable(text)


def _among(ledger: Ledger, asked: LiveCalls) -> bool:
    return (
        ledger.organization_id == asked.organization_id
        and asked.phone_number in (None, ledger.phone_number)
        and asked.direction in (None, ledger.direction)
        and (asked.start is None or ledger.started_at >= asked.start)
        and (asked.end is None or ledger.started_at < asked.end)
        and (asked.sip_call_id is None or any(leg.sip_call_id == asked.sip_call_id for leg in ledger.legs))
    )


class Port:
    """Give it to the services."""

    __slots__ = ("_core", "_engine", "_metrics", "_mover", "_occupancy")

    def __init__(self, engine: Engine, mover: Mover, occupancy: Occupancy, metrics: Callable[[], str]) -> None:
        self._engine = engine
        self._core = engine.core
        self._mover = mover
        self._occupancy = occupancy
        self._metrics = metrics

    async def apply(self, changes: tuple[Change, ...]) -> None:
        left = iter(changes)
        trunks: list[str] = []
        try:
            while part := tuple(itertools.islice(left, _PART)):
                self._core.apply(part, monotonic())
                trunks += [change.record.id for change in part if _is_trunk(change)]
                if len(part) == _PART:
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._core.apply(tuple(left), monotonic())
            raise
        finally:
            self._engine.pump.start()
        names = self._engine.names
        if names is not None:
            await names.meet(trunks)

    async def ask(self, query: Query[A]) -> A:
        answer: Any = None
        if isinstance(query, Settle):
            await self._settle()
        elif isinstance(query, TryTrunk):
            answer = await self._try(query)
        elif isinstance(query, Place):
            answer = await self._place(query)
        elif isinstance(query, TransferOf | DigitsTo):
            answer = await self._order(query)
        else:
            answer = self._answer(query)
        return answer  # type: ignore[no-any-return]

    async def command(self, command: HangUp | AddBan | LiftBan) -> bool:
        door = self._core.door
        if isinstance(command, HangUp):
            there = command.call in self._core.calls
        elif isinstance(command, AddBan):
            there = not door.spares(command.source)
        else:
            there = any(ban.id == command.id for ban in door.bans.list())
        if there:
            self._engine.pump.give(command)
            # The turn comes before whoever asks next.
            await asyncio.sleep(0)
        return there

    async def _place(self, asked: Place) -> CallRecord | NotPlaced | None:
        """What may begin begins in the pump's next turn, which is the next thing that the loop does."""
        core, engine = self._core, self._engine
        if core.draining:
            return NotPlaced(cause="draining", detail="The edge is about to end.", mend="Ask another edge.")
        if core.overload.share:
            return NotPlaced(cause="overload", detail="The edge is overloaded.", mend="Try again in a moment.")
        wish = Originate(
            call=asked.call_id,
            organization=asked.organization_id,
            calling=asked.calling,
            to=asked.to,
            agent=asked.agent_id,
            local=engine.here,
            timeout=asked.timeout,
            metadata=asked.metadata,
        )
        placed = place(wish, core.arrival, monotonic())
        if isinstance(placed, Objection):
            return NotPlaced(cause=placed.cause, detail=placed.detail, mend=placed.mend or CAUSES[placed.cause].mend)
        engine.pump.give(wish)
        await asyncio.sleep(0)
        call = core.calls.get(asked.call_id)
        return call.ledger.record() if call is not None else None

    async def _settle(self) -> None:
        # A database that fails shows in readiness; the reader then gets what there is.
        with contextlib.suppress(StoreError, TimeoutError):
            await asyncio.wait_for(self._mover.settle(), _SETTLE)

    async def _try(self, query: TryTrunk) -> TrunkTrial:
        id = self._core.ua.tokens.token()
        told: asyncio.Future[Tried] = asyncio.get_running_loop().create_future()

        def tell(tried: Tried) -> None:
            if not told.done():
                told.set_result(tried)

        trials = self._engine.performer.trials
        trials[id] = tell
        self._engine.pump.give(Try(id, query.trunk))
        try:
            tried = await asyncio.wait_for(told, PATIENCE + _SETTLE)
        except TimeoutError:
            raise ConnectionError("the engine does not answer") from None
        finally:
            trials.pop(id, None)
        status: Any = tried.status
        registration: Any = tried.registration
        return TrunkTrial(status=status, latency=tried.latency, registration=registration, detail=_words(tried.detail))

    async def _order(self, query: TransferOf | DigitsTo) -> Commanded | None:
        """Command, and wait for what comes of it."""
        token = self._core.ua.tokens.token()
        told: asyncio.Future[Done] = asyncio.get_running_loop().create_future()

        def tell(done: Done) -> None:
            if not told.done():
                told.set_result(done)

        waiting, wait = self._engine.performer.commands, _DIGITS
        waiting[token] = tell
        if isinstance(query, TransferOf):
            wait = query.wait
            wish = Transfer(token, query.call_id, query.to, query.stays, query.mode, query.timeout)
            self._engine.pump.give(wish)
        else:
            self._engine.pump.give(SendDigits(token, query.call_id, query.digits, query.to, query.duration))
        try:
            done = await asyncio.wait_for(told, wait)
        except TimeoutError:
            return None
        finally:
            waiting.pop(token, None)
        return Commanded(done=done.done, cause=done.cause, detail=readable(done.detail), status=done.status)

    def _answer(self, query: Query[Any]) -> object:
        core = self._core
        match query:
            case LiveCalls():
                return self._live(query)
            case LiveCall(call_id=call_id):
                call = core.calls.get(call_id)
                return call.ledger.record() if call is not None else None
            case Trace(call_id=call_id):
                return self._engine.traces.shown(call_id, core.ua.epoch)
            case Explain(hypothetical=hypothetical):
                banned = core.door.bans.find(source_of(hypothetical.source))
                return explain(core.arrival, hypothetical, monotonic(), self._engine.local, banned)
            case TrunkHealth(trunk_ids=ids):
                return {id: health for id in ids if (health := self._health(id)) is not None}
            case Registrations(trunk_ids=ids):
                return {id: known for id in ids if (known := self._registration(id)) is not None}
            case Bans():
                return self._bans()
            case Devices(trunk_ids=ids):
                return tuple([binding for id in ids for binding in core.registrar.bindings.of(id)])
            case Tables():
                return self._engine.tables()
            case Readiness():
                return self._unready()
            case Metrics():
                return self._metrics()
            case Endpoints():
                return self._endpoints()
        raise TypeError(f"{type(query).__name__} is no question for an engine")

    def _endpoints(self) -> tuple[Endpoint, ...]:
        domain = self._core.arrival.policy.domain
        found: dict[Endpoint, None] = {}
        for listener in self._engine.transports.bound:
            if listener.accepts:
                host, port = listener.advertised
                found[Endpoint(host=domain or host, port=port, transport=listener.transport)] = None
        return tuple(found)

    def _bans(self) -> tuple[BanSeen, ...]:
        epoch = self._core.ua.epoch
        return tuple(
            BanSeen(
                id=ban.id,
                source=ban.source,
                reason=ban.reason,
                since=ban.since + epoch,
                until=ban.until + epoch,
                transports="all" if ban.everywhere else "udp",
                by="operator" if ban.by_operator else "edge",
            )
            for ban in reversed(self._core.door.bans.list())
        )

    def _unready(self) -> tuple[str, ...]:
        """Why new calls should not be sent here; empty when they should."""
        reasons = []
        if self._core.draining:
            reasons.append("the edge is draining")
        if self._core.overload.share:
            reasons.append("the edge is overloaded and refuses a part of new calls")
        health = self._mover.health()
        if health.journal:
            reasons.append(f"the journal cannot be written: {health.journal}")
        if health.database:
            reasons.append(f"the call log cannot be written: {health.database}")
        if self._occupancy.reason:
            reasons.append(self._occupancy.reason)
        return tuple(reasons)

    def _live(self, asked: LiveCalls) -> LivePage:
        """Each call is looked at, but a record is made of the page alone: thousands would hold up the loop."""
        found: list[CallRecord] = []
        total = 0
        for call in reversed(self._core.calls.values()):
            if _among(call.ledger, asked):
                if asked.skip <= total < asked.skip + asked.limit:
                    found.append(call.ledger.record())
                total += 1
        return LivePage(calls=tuple(found), total=total)

    def _health(self, trunk_id: str) -> Health | None:
        health = self._core.probing.health(trunk_id)
        if health is None:
            return None
        epoch = self._core.ua.epoch
        return Health(
            state=health.state,
            since=health.since + epoch,
            checked_at=None if health.checked_at is None else health.checked_at + epoch,
            latency=health.latency,
            detail=_words(health.detail),
        )

    def _registration(self, trunk_id: str) -> Registration | None:
        standing = self._core.registering.standing(trunk_id)
        if standing is None:
            return None
        epoch = self._core.ua.epoch
        held = standing.expires_at is not None and standing.expires_at > monotonic()
        return Registration(
            state=standing.state,
            since=standing.since + epoch,
            expires_at=standing.expires_at + epoch if held and standing.expires_at is not None else None,
            next_at=None if standing.next_at is None else standing.next_at + epoch,
            status=standing.status,
            detail=_words(standing.phrase or None),
            registrar=standing.registrar,
            contact=standing.contact,
        )
