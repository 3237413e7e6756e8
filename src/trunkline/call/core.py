"""The core (RFC 3261 §6): every message, deadline and answer of the engine comes in here, and only values go out.

    receive   a datagram or a framed message
    send      an answer of the engine, or an operator's command (`inputs`)
    expire    deadlines that have passed
    deadline  when the next one does

A message goes to the transaction that knows it; else to the dialog it names; else it is new, and the reception meets
it. What comes back from legs are call events, which their call turns into words to the other leg, until only effects
are left.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.legs import Legs
from trunkline.call.b2bua.moving import ALARMS
from trunkline.call.beside.beside import OWNERS, Beside
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.proof import Digest
from trunkline.call.door import Door
from trunkline.call.inputs import (
    AddBan,
    Certified,
    Drain,
    Fetched,
    FlowClosed,
    HangUp,
    Input,
    Interrupted,
    LiftBan,
    MediaEnded,
    MediaFailed,
    MediaReady,
    Originate,
    Resolved,
    SendDigits,
    Transfer,
    TransportFailed,
    Try,
    Unreached,
    Unresolvable,
)
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.call.leg.events import EVENTS
from trunkline.call.leg.farewell import Farewell
from trunkline.call.leg.gate import Stateless, examine
from trunkline.call.leg.late import end_late
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Finished, Heard, Observed, Output, Transmit, Trust
from trunkline.call.overdue import Due, Overdue
from trunkline.call.reception import Reception, source
from trunkline.call.transfer.transfers import Transfers
from trunkline.guard.bans import Terms
from trunkline.guard.overload import Overload
from trunkline.model.agent import Agent
from trunkline.model.change import Change, Put
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow
from trunkline.sip.message import Malformed, Request, Response, parse
from trunkline.sip.transaction.events import Acknowledged, Answered, Failed, TimedOut, Told

_FAREWELL: Final = "farewell "
_ID: Final = 26
"""Characters of a call id; a leg's id begins with its call's."""
_EVENT_TYPES: Final = frozenset(EVENTS)


class Core:
    """One worker's calls."""

    __slots__ = (
        "_overdue", "arrival", "beside", "calls", "door", "legs", "overload", "probing", "reception", "registering",
        "registrar", "transfers", "ua",
    )  # fmt: skip

    def __init__(
        self,
        ua: UserAgent,
        arrival: Arrival,
        digest: Digest,
        gate: Stateless,
        overload: Overload,
        terms: Terms = Terms(),  # noqa: B008 (a value)
    ) -> None:
        self.ua = ua
        self.arrival = arrival
        arrival.chance = ua.tokens.chance
        self.overload = overload
        self._overdue = Overdue()
        self.calls: dict[str, Call] = {}
        self.legs: Legs = {}
        self.transfers = Transfers(ua, arrival, self.calls, self.legs, digest)
        self.beside = Beside(ua, arrival)
        self.probing, self.registering = self.beside.probing, self.beside.registering
        self.door = Door(ua, arrival.table, digest.proved, terms)
        self.reception = Reception(ua, arrival, digest, gate, overload)
        self.registrar = self.reception.registrar
        self.registrar.bindings.terms = arrival.policy.registrar

    @property
    def draining(self) -> bool:
        """Whether new calls are refused because the edge is to end."""
        return self.reception.draining

    @property
    def farewells(self) -> int:
        """Dialogs of an earlier process that still wait for the answer to their BYE."""
        return sum(leg.startswith(_FAREWELL) for leg in self.legs)

    # ── the four words ────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes, flow: Flow, now: float) -> list[Output]:
        message = parse(data)
        if isinstance(message, Malformed):
            return self.door.screen(self.reception.malformed(message, flow), len(data), flow, now)
        told = self.ua.layer.receive(message, now)
        if told is not None:
            return self._told(told, flow, data, now)
        if type(message) is Response:
            return [Observed("stray", source(flow), "response", message.status)]
        assert type(message) is Request
        method = message.method
        if method == "CANCEL":
            return self._cancel(message, flow, data, now)
        tag = message.to_tag
        if tag is not None:
            return self._inside(message, tag, flow, data, now)
        if method == "ACK":
            return []
        return self._new(message, flow, data, now)

    def unframed(self, head: bytes, status: int, reason: str, flow: Flow, now: float) -> list[Output]:
        """A stream that cannot be cut into messages any more: what could be read of the last is answered."""
        message = parse(head)
        request = message.request if isinstance(message, Malformed) else message
        fault = Malformed(status, reason, request if isinstance(request, Request) else None)
        return self.door.screen(self.reception.malformed(fault, flow), len(head), flow, now)

    def apply(self, changes: Iterable[Change], now: float) -> None:
        """Change the configuration: the next message meets it. Raises `TableError`, and then nothing was changed."""
        changes = tuple(changes)
        before = self.registrar.before(changes)
        self.arrival.table.apply(changes)
        self.registrar.after(before)
        for change in changes:
            if isinstance(change, Put):
                if isinstance(change.record, Trunk | Agent):
                    self.beside.put(change.record, now)
            elif change.kind in ("trunk", "agent"):
                self.beside.remove(change.id, change.kind, now)
        self.door.meet(changes, now)

    def send(self, given: Input, now: float) -> list[Output]:
        if isinstance(given, Resolved | Unresolvable):
            return self._located(given, now)
        if isinstance(given, TransportFailed | Unreached):
            concerns = self.ua.layer.failed if isinstance(given, TransportFailed) else self.ua.layer.unreached
            return self._told(concerns(given.transaction, given.reason, now), given.flow, b"", now)
        if isinstance(given, MediaReady | MediaFailed | MediaEnded):
            return self._media(given, now)
        if isinstance(given, HangUp | Originate | Transfer | SendDigits):
            return self._carry(self.transfers.obey(given, now), given.call, now)
        if isinstance(given, Fetched):
            waiting = self.calls.get(given.call)
            return self._carry(waiting.fetched(given.pem, now), waiting.caller.id, now) if waiting is not None else []
        if isinstance(given, Drain):
            self.reception.draining = given.on
            return self.registering.drain(given.on, now)
        if isinstance(given, Try):
            return self.beside.trials.begin(given.trial, given.trunk, now)
        if isinstance(given, FlowClosed):
            self.registering.closed(given.flow, now)
            self.arrival.contacts.certificates.pop(given.flow, None)
            return self.registrar.closed(given.flow) + self._told(self.ua.lose(given.flow, now), None, b"", now)
        if isinstance(given, Certified):
            self.arrival.contacts.certificates[given.flow] = given.names
            if self.arrival.table.with_certificate(given.names):
                self.door.proved(given.flow.remote[0], now)
            return []
        if isinstance(given, AddBan):
            return self.door.add(given.source, given.reason, given.seconds, now)
        if isinstance(given, LiftBan):
            return self.door.lift(given.id)
        assert isinstance(given, Interrupted)
        return self._interrupted(given, now)

    def expire(self, now: float) -> list[Output]:
        due = self._overdue
        due.gather(self.ua, now)
        while due.told:
            due.outs += self._told([due.told.popleft()], None, b"", now)
        while due.entries:
            due.outs += self._expired(due.entries.popleft(), now)
        self.overload.expire(now)
        self.ua.penalties.expire(now)
        return due.taken(self.beside.expire(now) + self.door.expire(now) + self.registrar.expire(now))

    def _expired(self, due: Due, now: float) -> list[Output]:
        owner, what, transaction = due
        call = self.calls.get(owner)
        if call is not None and what in ALARMS:
            return self._carry(self.transfers.expire(call, what, now), call.caller.id, now)
        if call is not None:
            before = call.agent.id if call.agent is not None else call.caller.id
            return self._carry(call.expire(what, now), before, now)
        leg = self.legs.get(owner)
        if leg is None or isinstance(leg, EndpointLeg):
            return []
        return self._carry(leg.expire(what, transaction, now), owner, now)

    def deadline(self) -> float:
        """When to call `expire`; infinite when nothing is waited for. It is asked after every message."""
        if self._overdue:
            return 0.0
        # Two at a time: so the compiler compares plain floats.
        guards = min(self.overload.deadline, self.door.deadline())
        others = min(self.registrar.deadline(), self.beside.deadline())
        soonest = min(self.ua.deadline(), self.ua.penalties.deadline())
        soonest = min(soonest, guards)
        return min(soonest, others)

    def counts(self) -> dict[str, int]:
        """The size of every table; all are zero when nothing goes on."""
        return {
            **self.ua.counts(),
            "calls": len(self.calls),
            "legs": len(self.legs),
            "trials": len(self.beside.trials),
            "invites": len(self.reception),
            "certificates": len(self.arrival.contacts.certificates),
            "held_places": len(self.arrival.admission.capacity),
            "tolled_calls": len(self.arrival.admission.tolls),
        }

    # ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, told: list[Told], flow: Flow | None, data: bytes, now: float) -> list[Output]:
        """What transactions say, passed to the legs that own them."""
        outs: list[Output] = []
        for word in told:
            if type(word) is Transmit:
                outs.append(word)
                continue
            if type(word) is Answered:
                leg = self.legs.get(word.owner)
                if leg is not None and not isinstance(leg, EndpointLeg):
                    if flow is not None and leg.call:
                        outs.insert(0, Heard(leg.call, flow, data))  # Before the ACK of a refusal.
                    outs += self._carry(leg.answered(word.transaction, word.response, now), word.owner, now)
                elif word.owner.startswith(OWNERS):
                    outs += self.beside.answered(word, flow, now)
                else:
                    outs += end_late(self.ua, word.transaction, word.response, now)
            elif type(word) is Acknowledged and flow is not None:
                outs.append(Heard(word.call, flow, data))
                leg = self.legs.get(word.owner)
                if leg is not None and not isinstance(leg, EndpointLeg):
                    outs += self._carry(leg.receive(word.request, flow, now), word.owner, now)
            elif isinstance(word, TimedOut | Failed):
                if word.owner.startswith(OWNERS):
                    outs += self.beside.failed(word, now)
                    continue
                leg = self.legs.get(word.owner)
                if leg is None or isinstance(leg, EndpointLeg) or (type(word) is TimedOut and not word.client):
                    continue
                status, words = (408, "Request Timeout") if type(word) is TimedOut else (503, "Service Unavailable")
                why = word.reason if type(word) is Failed else ""
                outs += self._carry(leg.failed(word.transaction, status, words, now, why), word.owner, now)
        return outs

    def _cancel(self, request: Request, flow: Flow, data: bytes, now: float) -> list[Output]:
        """§9.2. The ACK of a refusal without state ends, as a CANCEL does, what the INVITE's repeat has begun since."""
        layer = self.ua.layer
        invite = layer.invite_of(request)
        if invite is None:
            return self.door.screen([*self.reception.gate.answer(request, flow, 481)], len(data), flow, now)
        leg = self.legs.get(invite.owner)
        outs: list[Output] = [Heard(invite.call, flow, data)] if invite.call else []
        if request.method == "CANCEL":
            key = layer.open(request, flow, invite.owner, invite.call).key
            outs += layer.respond(key, 200, now, leg.tag if isinstance(leg, UasLeg) else "")
        if leg is not None and not isinstance(leg, EndpointLeg):
            outs += self._carry(leg.cancelled(invite.key, request, now), leg.id, now)
        return outs

    def _inside(self, request: Request, tag: str, flow: Flow, data: bytes, now: float) -> list[Output]:
        """A request with a To tag belongs to a dialog, or to nobody (§12.2.2)."""
        dialogs = self.ua.dialogs
        leg_id = dialogs.get((request.call_id, tag, request.from_tag or "")) or dialogs.get((request.call_id, tag, ""))
        leg = self.legs.get(leg_id) if leg_id is not None else None
        if leg is None or isinstance(leg, EndpointLeg):
            if self.reception.gate.refused(request):
                return self._cancel(request, flow, data, now)
            return self.door.screen([*self.reception.gate.answer(request, flow, 481)], len(data), flow, now)
        refusal = examine(request) if request.get("require") is not None else None
        if refusal is not None and request.method != "ACK":
            return [*self.reception.gate.answer(request, flow, refusal.status, refusal.headers)]
        outs: list[Output] = [Heard(leg.call, flow, data)] if leg.call else []
        if flow.transport != "udp" and not flow.pooled:
            outs.append(Trust(flow))
        return outs + self._carry(leg.receive(request, flow, now), leg.id, now)

    def _new(self, request: Request, flow: Flow, data: bytes, now: float) -> list[Output]:
        """A request outside of any dialog: answered at once, or the beginning of a call."""
        met = self.reception.receive(request, flow, data, self.calls, now)
        if met is None:
            took = self._carry(self.transfers.replacing.receive(request, flow, data, self.reception.gate, now), "", now)
            return self.door.screen(took, len(data), flow, now) if isinstance(took[0], Observed) else took
        if not isinstance(met, Call):
            return self.door.screen(met, len(data), flow, now)
        self.calls[met.id] = met
        self.legs[met.caller.id] = met.caller
        outs: list[Output] = [Heard(met.id, flow, data), *self._carry(met.begin(now), met.caller.id, now)]
        return outs if flow.transport == "udp" else [Trust(flow), *outs]

    # ── engine's answers ──────────────────────────────────────────────────────────────────────────────────────────────

    def _located(self, given: Resolved | Unresolvable, now: float) -> list[Output]:
        leg = self.legs.get(given.leg)
        flows = self.door.way(leg, given.flows, now) if isinstance(given, Resolved) else ()
        if given.leg.startswith(OWNERS):
            return self.beside.located(given, now)
        if leg is None or isinstance(leg, EndpointLeg):
            return []
        if isinstance(given, Resolved):
            return self._carry(leg.resolved(flows, now), leg.id, now)
        return self._carry(leg.unresolvable(given.reason, now), leg.id, now)

    def _media(self, given: MediaReady | MediaFailed | MediaEnded, now: float) -> list[Output]:
        leg = self.legs.get(given.leg)
        if not isinstance(leg, EndpointLeg):
            return []
        if isinstance(given, MediaReady):
            return self._carry(leg.media_ready(given.sdp, given.codec), leg.id, now)
        if isinstance(given, MediaFailed):
            return self._carry(leg.media_failed(given.status, given.reason, given.warning), leg.id, now)
        return self._carry(leg.media_ended(given.reason), leg.id, now)

    def _interrupted(self, given: Interrupted, now: float) -> list[Output]:
        """A dialog of a process that is no more: it gets its BYE."""
        leg = Farewell(self.ua, f"{_FAREWELL}{self.ua.tokens.token()}", given.dialog)
        self.legs[leg.id] = leg
        return self._carry(leg.begin(now), leg.id, now)

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _carry(self, outs: Outs, leg_id: str, now: float) -> list[Output]:
        """Let call events cross until only effects are left, then forget what is over."""
        effects: list[Output] = []
        touched = [leg_id]
        for out in outs:  # `outs` grows while it is read
            if type(out) not in _EVENT_TYPES:
                effects.append(out)  # type: ignore[arg-type]
                if type(out) is Finished:
                    outs += self._forget(out.record.id, touched, now)
                continue
            source: str = out.leg  # type: ignore[union-attr]
            touched.append(source)
            leg = self.legs.get(source)
            # A leg may have moved to another call.
            call = self.calls.get(leg.call if leg is not None else source[:_ID])
            if call is not None:
                if self.transfers.concerns(call, out):  # type: ignore[arg-type]
                    outs += self.transfers.receive(call, out, now)  # type: ignore[arg-type]
                else:
                    outs += call.receive(out, now)  # type: ignore[arg-type]
                self._adopt(call)
        call = self.calls.get(leg_id[:_ID])
        if call is not None:
            self._adopt(call)
        for each in touched:
            leg = self.legs.get(each)
            if leg is not None and leg.gone:
                del self.legs[each]
                effects += leg.close()  # type: ignore[arg-type]
        return effects

    def _adopt(self, call: Call) -> None:
        """A call may have begun another attempt."""
        agent = call.agent
        if agent is not None and agent.id not in self.legs and not agent.gone:
            self.legs[agent.id] = agent

    def _forget(self, call_id: str, touched: list[str], now: float) -> Outs:
        """The one place where a call's places are given back."""
        self.arrival.admission.release(call_id, now)
        call = self.calls.pop(call_id, None)
        if call is None:
            return []
        touched += [leg for leg in call.legs() if leg not in touched]
        self.reception.release(call.caller.identity)
        return self.transfers.forget(call, now)
