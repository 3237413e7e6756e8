"""A small engine in the test's own process: the real routing table and arrival, and calls that a test puts there."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import structs

from trunkline.call.decision.admission import Admission
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.departure import Objection
from trunkline.call.decision.explain import explain
from trunkline.call.decision.placing import place
from trunkline.call.decision.proof import Digest
from trunkline.call.decision.refusals import CAUSES
from trunkline.call.decision.verdict import Policy, Verdict
from trunkline.call.inputs import AddBan, HangUp, LiftBan, Originate
from trunkline.control.calls.calls import CallFilter
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
from trunkline.guard import bans as guard
from trunkline.guard.nonce import Nonces
from trunkline.model.binding import Binding
from trunkline.model.call import CallRecord, TransferRecord
from trunkline.model.change import Change
from trunkline.model.ids import mint
from trunkline.providers.values import Endpoint
from trunkline.routing.table import Table
from trunkline.sip.flow import Flow, Transport, host_port
from trunkline.sip.message import Request, parse
from trunkline.telemetry.trace import Traces

A = TypeVar("A")

LOCAL = ("127.0.0.1", 5060)


class Engine:
    def __init__(self) -> None:
        self.table = Table()
        self.arrival = Arrival(self.table, Admission(), Digest("test", Nonces(bytes(32))), Policy())
        self.live: dict[str, CallRecord] = {}
        self.traces = Traces()
        self.health: dict[str, Health] = {}
        self.devices: list[Binding] = []
        self.registrations: dict[str, Registration] = {}
        self.bans = guard.Bans(guard.Terms())
        self.hung_up: list[str] = []
        self.endpoints: tuple[Endpoint, ...] = (Endpoint(host="sip.example.net", port=5060),)
        """Where it is reached."""
        self.tried = TrunkTrial(status="reachable", latency=0.042, registration="verified")
        """What trying any trunk comes to."""
        self.placed: list[Place] = []
        self.commanded: Commanded | None = Commanded(done=True)
        """What any command on a live call comes to; None: it goes on."""
        self.orders: list[TransferOf | DigitsTo] = []
        self.applied: list[tuple[Change, ...]] = []
        self.reasons: tuple[str, ...] = ()
        self.gone = False
        """Whether it cannot be asked."""

    async def apply(self, changes: tuple[Change, ...]) -> None:
        self._there()
        self.table.apply(changes)
        self.applied.append(changes)

    async def ask(self, query: Query[A]) -> A:
        self._there()
        answer: Any = self._answer(query)
        return answer  # type: ignore[no-any-return]

    async def command(self, command: HangUp | AddBan | LiftBan) -> bool:
        self._there()
        if isinstance(command, AddBan):
            if self.table.signals_from(command.source):
                return False
            ban = self.bans.add(
                mint(1.0, bytes([len(self.bans)] * 10)), command.source, command.reason, command.seconds, 0
            )
            return ban is not None
        if isinstance(command, LiftBan):
            found = next((ban for ban in self.bans.list() if ban.id == command.id), None)
            return found is not None and self.bans.lift(found.source) is not None
        if command.call not in self.live:
            return False
        self.hung_up.append(command.call)
        return True

    def invite(self, to: str, source: str = "127.0.0.1", transport: Transport = "udp") -> Verdict:
        """What an INVITE from the wire meets now."""
        source_port = host_port((source, 5060))
        text = (
            f"INVITE sip:{to}@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport.upper()} {source_port};branch=z9hG4bKtest\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:+13035559876@{source_port}>;tag=test\r\nTo: <sip:{to}@127.0.0.1>\r\n"
            f"Call-ID: test\r\nCSeq: 1 INVITE\r\nContact: <sip:{source_port}>\r\nContent-Length: 0\r\n\r\n"
        )
        request = parse(text.encode())
        assert isinstance(request, Request)
        return self.arrival.decide(request, Flow(transport, LOCAL, (source, 5060)), 0.0)

    def _placed(self, asked: Place) -> CallRecord | NotPlaced | None:
        """Decided as the engine does; the call is then there, and rings nowhere."""
        wish = Originate(
            call=asked.call_id,
            organization=asked.organization_id,
            calling=asked.calling,
            to=asked.to,
            agent=asked.agent_id,
            local=Flow("udp", LOCAL, LOCAL),
            timeout=asked.timeout,
            metadata=asked.metadata,
        )
        placed = place(wish, self.arrival, 0.0)
        if isinstance(placed, Objection):
            return NotPlaced(cause=placed.cause, detail=placed.detail, mend=placed.mend or CAUSES[placed.cause].mend)
        self.placed.append(asked)
        self.live[asked.call_id] = CallRecord(
            id=asked.call_id,
            organization_id=asked.organization_id,
            direction="outbound",
            caller=asked.calling,
            callee=asked.to,
            agent_id=asked.agent_id,
            status="in-progress",
            started_at=1.0,
        )
        return self.live[asked.call_id]

    def _there(self) -> None:
        if self.gone:
            raise ConnectionError("the engine is gone")

    def _ordered(self, query: TransferOf | DigitsTo) -> Commanded | None:
        """As the engine does, but for the transfer itself."""
        self.orders.append(query)
        done, call = self.commanded, self.live.get(query.call_id)
        if call is None:
            return Commanded(done=False, cause="call-not-live", detail="The call is over.")
        if isinstance(query, TransferOf) and (done is None or done.done or done.cause == "transfer-failed"):
            transfer = TransferRecord(
                by="edge",
                leaves="agent",
                to=query.to,
                mode="invite",
                result="in-progress" if done is None else "completed" if done.done else "failed",
                status=done.status or None if done is not None else None,
                started_at=1.0,
            )
            self.live[query.call_id] = structs.replace(call, transfers=(*call.transfers, transfer))
        return done

    def _answer(self, query: object) -> object:
        match query:
            case TransferOf() | DigitsTo():
                return self._ordered(query)
            case LiveCalls():
                asked = CallFilter(
                    phone_number=query.phone_number,
                    direction=query.direction,
                    start=query.start,
                    end=query.end,
                    sip_call_id=query.sip_call_id,
                )
                mine = [call for call in self.live.values() if call.organization_id == query.organization_id]
                calls = sorted(filter(asked.passes, mine), key=lambda call: call.started_at, reverse=True)
                return LivePage(calls=tuple(calls[query.skip : query.skip + query.limit]), total=len(calls))
            case Place():
                return self._placed(query)
            case LiveCall():
                return self.live.get(query.call_id)
            case Trace():
                return self.traces.shown(query.call_id, 0.0)
            case Explain():
                return explain(self.arrival, query.hypothetical, 0.0, LOCAL)
            case TrunkHealth():
                return {id: self.health[id] for id in query.trunk_ids if id in self.health}
            case Registrations():
                return {id: self.registrations[id] for id in query.trunk_ids if id in self.registrations}
            case Bans():
                return tuple(
                    BanSeen(
                        id=ban.id,
                        source=ban.source,
                        reason=ban.reason,
                        since=ban.since,
                        until=ban.until,
                        transports="all",
                        by="operator",
                    )
                    for ban in self.bans.list()
                )
            case TryTrunk():
                return self.tried
            case Devices():
                return tuple([binding for binding in self.devices if binding.trunk_id in query.trunk_ids])
            case Tables():
                return {"calls": len(self.live), "transactions": 0}
            case Readiness():
                return self.reasons
            case Metrics():
                return "# TYPE trunkline_calls gauge\ntrunkline_calls 0\n"
            case Settle():
                return None
            case Endpoints():
                return self.endpoints
        raise AssertionError(f"nobody answers {query}")
