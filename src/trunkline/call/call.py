"""One call: two legs, and what crosses between them as call events.

The caller's leg is there from the start. Agents are tried in order until one answers; then media and requests cross
until either side ends it. Whatever happens, a call ends once, in `_finish`, with one record.
"""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.call import hunt, invitation
from trunkline.call.admission import Admission
from trunkline.call.endpoint_leg import EndpointLeg
from trunkline.call.events import (
    Acknowledged,
    Asked,
    Connected,
    Disconnected,
    Failed,
    LegEvent,
    Rang,
    Replied,
    Withdrawn,
)
from trunkline.call.exchange import Exchanges
from trunkline.call.headers import SDP
from trunkline.call.headers import reason as reason_line
from trunkline.call.headers import warning as warning_line
from trunkline.call.ledger import Ledger, LegEntry, peer
from trunkline.call.media_plan import End, MediaPlan, Terms, policy_of
from trunkline.call.outputs import Finished, Journal
from trunkline.call.session import Outs
from trunkline.call.uac_leg import UacLeg
from trunkline.call.uas_leg import UasLeg
from trunkline.call.user_agent import UserAgent
from trunkline.model.call import CallStatus, Side
from trunkline.model.journal import Answered, Began, DialogState, Ended
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.routing.select import Candidate
from trunkline.sdp.multipart import find_sdp
from trunkline.sdp.refusal import Refusal
from trunkline.sip.dialog.dialog import Dialog

AgentLeg = UacLeg | EndpointLeg
_SEQUENCE_ROOM = 1000
"""Requests a dialog may send after its journal entry, before a BYE written from that entry would be out of order."""


class Call:
    """From the INVITE that was admitted to the last leg's end."""

    __slots__ = (
        "_admission",
        "_agent_line",
        "_attempts",
        "_candidates",
        "_caller_line",
        "_crossing",
        "_early",
        "_exchanges",
        "_identity",
        "_kind",
        "_max_forwards",
        "_number",
        "_offer",
        "_plan",
        "_trunk",
        "agent",
        "answered",
        "caller",
        "ended",
        "id",
        "ledger",
        "ua",
    )

    def __init__(
        self,
        ua: UserAgent,
        ledger: Ledger,
        caller: UasLeg,
        trunk: Trunk,
        number: Number | None,
        candidates: Sequence[Candidate],
        admission: Admission,
        crossing: tuple[tuple[str, str], ...],
        identity: tuple[tuple[str, str], ...],
        max_forwards: int,
    ) -> None:
        request = caller.request
        assert request is not None
        self.ua = ua
        self.id = ledger.id
        self.ledger = ledger
        self.caller = caller
        self.agent: AgentLeg | None = None
        """The leg of the attempt that goes on, or that answered."""
        self.answered = False
        self.ended = False
        self._trunk = trunk
        self._number = number
        self._admission = admission
        self._candidates = list(candidates)
        self._attempts = 0
        self._early: dict[str, Rang] = {}
        """What rang with a session description, by early dialog of the attempt that goes on."""
        self._crossing = crossing
        self._identity = identity
        self._max_forwards = max_forwards
        self._kind = request.get("content-type")
        self._offer = request.body if find_sdp(self._kind, request.body) is not None else b""
        """The body that holds the caller's offer; empty when the agent is to make one."""
        session = int(ua.tokens.token()[2:17], 16)
        self._plan = MediaPlan(session, Terms(ua.origin(caller.flow), policy_of(trunk)))
        self._exchanges = Exchanges(self._plan)
        line = LegEntry("caller", ledger.started_at, request.call_id, request.uri, trunk.id)
        line.peer = peer(caller.flow)
        ledger.legs.append(line)
        self._caller_line = line
        self._agent_line = line

    # ── from the core ─────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, now: float) -> Outs:
        """Look at the offer, then call the first agent."""
        outs: Outs = [Journal(Began(self.ledger.record()))]
        refusal = self._plan.check(self._offer, self._kind) if self._offer else None
        if refusal is not None:
            return outs + self._refused(refusal, now)
        outs += self.caller.trying(now)
        if self._trunk.ring_after is not None:
            self.ua.alarms.set((self.id, "ringback"), now + self._trunk.ring_after)
        return outs + self._attempt(now)

    def receive(self, event: LegEvent, now: float) -> Outs:
        """A leg's word. One of a leg that is not, or no longer, part of the call changes nothing."""
        if self.ended:
            return []
        agent = self.agent
        if event.leg == self.caller.id:
            return self._from_caller(event, now)
        if agent is None or event.leg != agent.id:
            return []
        return self._from_agent(event, agent, now)

    def expire(self, what: str, now: float) -> Outs:
        if self.ended:
            return []
        if what == "ringback":
            return self.caller.ring(180, "Ringing", b"", "", "", "", now) if not self.answered else []
        if what == "limit":
            return self.hang_up("max-duration", "edge", 'Q.850;cause=16;text="max duration"', now)
        agent = self.agent
        if agent is None or self.answered:
            return []
        outs = agent.disconnect('Q.850;cause=19;text="no answer"', now)
        self._close_line(408, "Request Timeout", "", now)
        if self._candidates:
            return outs + self._attempt(now)
        outs += self.caller.refuse(480, None, 'Reason: Q.850;cause=19;text="no answer"\r\n', now)
        return outs + self._finish("no-answer", "ring-timeout", "edge", 480, now)

    def hang_up(self, cause: str, by: Side, reason: str, now: float, status: int = 480) -> Outs:
        """End both legs. `status` is the answer of a call that was not answered yet."""
        if self.ended:
            return []
        outs = self.agent.disconnect(reason, now) if self.agent is not None else []
        if self.answered:
            outs += self.caller.disconnect(reason, now)
            return outs + self._finish("completed", cause, by, None, now)
        outs += self.caller.refuse(status, None, reason_line(reason), now)
        return outs + self._finish("failed", cause, by, status, now)

    # ── from the legs ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _from_caller(self, event: LegEvent, now: float) -> Outs:
        agent = self.agent
        if isinstance(event, Disconnected):
            self._caller_line.reason = event.reason or None
            outs = agent.disconnect(event.reason, now) if agent is not None else []
            if event.cause == "no-ack":
                return outs + self._finish("failed", "no-ack", "caller", None, now)
            if self.answered:
                return outs + self._finish("completed", event.cause, "caller", None, now)
            return outs + self._finish("no-answer", "cancelled", "caller", 487, now)
        if agent is None or not self.answered:
            return []
        if isinstance(event, Acknowledged):
            return self._acknowledged(event, agent, now)
        return self._exchange(event, "caller", self.caller, agent, now)

    def _from_agent(self, event: LegEvent, agent: AgentLeg, now: float) -> Outs:
        if isinstance(event, Rang):
            return self._rang(event, now)
        if isinstance(event, Connected):
            return self._connected(event, agent, now)
        if isinstance(event, Failed):
            return self._failed(event, agent, now)
        if isinstance(event, Disconnected):
            self._agent_line.reason = event.reason or None
            outs = agent.disconnect("", now) + self.caller.disconnect(event.reason, now)
            return outs + self._finish("completed" if self.answered else "failed", event.cause, "agent", None, now)
        if isinstance(event, Acknowledged):
            return self._exchanges.acknowledged(event, self.caller)
        return self._exchange(event, "agent", agent, self.caller, now)

    def _exchange(
        self, event: LegEvent, side: End, leg: UasLeg | AgentLeg, other: UasLeg | AgentLeg, now: float
    ) -> Outs:
        exchanges = self._exchanges
        if isinstance(event, Asked):
            return exchanges.asked(event, side, leg, other, now)
        if isinstance(event, Withdrawn):
            return exchanges.withdrawn(event, other, now)
        if isinstance(event, Replied):
            lost = exchanges.lost(event.exchange, event.status)
            outs = exchanges.replied(event, other, leg, now)
            if lost:
                reason = f'SIP;cause={event.status};text="the other side is gone"'
                outs += self.hang_up("dialog-lost", "edge", reason, now)
            return outs
        return []

    def _rang(self, event: Rang, now: float) -> Outs:
        if self.answered:
            return []
        line, ledger = self._agent_line, self.ledger
        if line.ringing_at is None and event.status != 183:
            line.ringing_at = now + self.ua.epoch
            ledger.ringing_at = ledger.ringing_at or line.ringing_at
        body = b""
        if event.body and self._offer:
            self._early[event.early] = event
            crossed = self._plan.answer("agent", event.body, event.content_type)
            # An early answer that does not fit is left out: the final one decides.
            body = b"" if isinstance(crossed, Refusal) else crossed
        return self.caller.ring(event.status, event.phrase, body, event.content_type, event.early, "", now)

    def _connected(self, event: Connected, agent: AgentLeg, now: float) -> Outs:
        body, kind = event.body, event.content_type
        if not body and (early := self._early.get(event.early)) is not None:
            # The first answer counts, wherever it stood (§13.2.1).
            body, kind = early.body, early.content_type
        cross = self._plan.answer if self._offer else self._plan.offer
        crossed = cross("agent", body, kind)
        if isinstance(crossed, Refusal):
            if crossed.status != 488:
                crossed = crossed._replace(status=502, phrase="Bad Gateway")
            outs = agent.disconnect(f'SIP;cause={crossed.status};text="{crossed.reason}"', now)
            return outs + self._refused(crossed, now)
        self.answered = True
        wall = now + self.ua.epoch
        ledger, line = self.ledger, self._agent_line
        ledger.answered_at = line.answered_at = self._caller_line.answered_at = wall
        ledger.sip_status = line.status = self._caller_line.status = 200
        if isinstance(agent, EndpointLeg):
            line.codec = self._caller_line.codec = agent.codec or None
        alarms = self.ua.alarms
        alarms.clear((self.id, "ring"))
        alarms.clear((self.id, "ringback"))
        if self._number is not None and self._number.config.max_duration:
            alarms.set((self.id, "limit"), now + self._number.config.max_duration)
        outs = self.caller.connect(crossed, kind, event.early, "", now)
        dialogs = [leg.session.dialog for leg in (self.caller, agent) if leg.session is not None]
        outs.append(Journal(Answered(ledger.record(), tuple([_state(dialog) for dialog in dialogs]))))
        return outs

    def _acknowledged(self, event: Acknowledged, agent: AgentLeg, now: float) -> Outs:
        if event.exchange:
            return self._exchanges.acknowledged(event, agent)
        if self._offer:
            return []
        crossed = self._plan.answer("caller", event.body) if event.body else None
        if crossed is None or isinstance(crossed, Refusal):
            # The agent's offer has no answer: the 2xx still needs its ACK, and then the call its end.
            reason = 'SIP;cause=488;text="no usable answer"'
            return agent.acknowledge(b"") + self.hang_up("no-answer-sdp", "edge", reason, now)
        return agent.acknowledge(crossed)

    def _failed(self, event: Failed, agent: AgentLeg, now: float) -> Outs:
        self._close_line(event.status, event.phrase, event.reason, now)
        self.ua.alarms.clear((self.id, "ring"))
        provisional = isinstance(agent, UacLeg) and agent.provisional
        if self._candidates and hunt.hunts_on(event, provisional):
            return self._attempt(now)
        status, words = hunt.crossed(event.status, event.phrase)
        headers = reason_line(hunt.reason(event))
        if event.warning and status == 488:
            headers += warning_line(event.warning)
        outs = self.caller.refuse(status, words, headers, now)
        self.ledger.detail = event.reason or None
        cause = {486: "busy", 600: "busy", 603: "declined"}.get(event.status, event.cause)
        return outs + self._finish("failed", cause, "agent" if event.answered_by_peer else "edge", status, now)

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _attempt(self, now: float) -> Outs:
        """Call the next agent."""
        ua, ledger = self.ua, self.ledger
        candidate = self._next_with_room()
        if candidate is None:
            outs = self.caller.refuse(503, None, 'Reason: SIP;cause=503;text="agent-trunk-full"\r\n', now)
            ledger.detail = "The agent's trunk is full: raise its max_concurrent_calls."
            return outs + self._finish("failed", "agent-trunk-full", "edge", 503, now)
        self._attempts += 1
        self._early.clear()
        leg = f"{self.id}:{self._attempts}"
        trunk = candidate.trunk
        ledger.agent_id = candidate.agent.id
        line = LegEntry("agent", now + ua.epoch, None, candidate.uri, trunk.id if trunk is not None else None)
        line.agent_id = candidate.agent.id
        ledger.legs.append(line)
        self._agent_line = line
        ua.alarms.set((self.id, "ring"), now + candidate.ring_timeout)
        terms = Terms(ua.origin(self.caller.flow), policy_of(trunk))
        if candidate.uri is None:
            self._plan.reach_here()
        else:
            self._plan.reach(terms)
        offer = b""
        if self._offer:
            crossed = self._plan.offer("caller", self._offer, self._kind)
            if isinstance(crossed, Refusal):
                return self._refused(crossed, now)
            offer = crossed
        if candidate.uri is None:
            here = EndpointLeg(leg, self.id, candidate.agent.kind, offer or None, self.caller.flow, self._trunk.codecs)
            self.agent = here
            return here.begin()
        number = self._number
        target = invitation.target(
            candidate.uri,
            candidate.transport,
            trunk,
            number,
            ledger.caller,
            f"call_{self.id}",
            ua.brand,
            self._crossing,
            self._identity,
            invitation.facts(ledger) if number is not None and number.metadata else {},
            self._max_forwards,
        )
        agent = self.agent = UacLeg(ua, leg, self.id, target, offer, self._kind or SDP)
        line.sip_call_id = agent.sip_call_id
        return agent.begin()

    def _next_with_room(self) -> Candidate | None:
        """The next agent whose trunk has a place for this call; the place is taken."""
        while self._candidates:
            candidate = self._candidates.pop(0)
            if candidate.trunk is None or self._admission.attempt(candidate.trunk, self.id):
                return candidate
        return None

    def _refused(self, refusal: Refusal, now: float) -> Outs:
        outs = self.caller.refuse(refusal.status, refusal.phrase, f"Warning: {refusal.warning}\r\n", now)
        self.ledger.detail = refusal.detail
        return outs + self._finish("failed", refusal.reason, "edge", refusal.status, now)

    def _close_line(self, status: int, phrase: str, reason: str, now: float) -> None:
        line = self._agent_line
        line.status, line.phrase, line.reason = status, phrase, reason or None
        line.ended_at = now + self.ua.epoch
        if isinstance(self.agent, UacLeg):
            line.peer = peer(self.agent.flow)
        if line.trunk_id is not None and line.trunk_id != self._trunk.id:
            self._admission.capacity.leave(line.trunk_id, self.id)

    def _finish(self, status: CallStatus, cause: str, by: Side, sip_status: int | None, now: float) -> Outs:
        """The one place where calls end."""
        self.ended = True
        ledger = self.ledger
        ledger.status, ledger.cause, ledger.hung_up_by = status, cause, by
        if sip_status is not None:
            ledger.sip_status = self._caller_line.status = sip_status
        wall = now + self.ua.epoch
        ledger.ended_at = wall
        if isinstance(self.agent, UacLeg) and self._agent_line.peer is None:
            self._agent_line.peer = peer(self.agent.flow)
        for line in ledger.legs:
            if line.ended_at is None:
                line.ended_at = wall
        for what in ("ring", "ringback", "limit"):
            self.ua.alarms.clear((self.id, what))
        record = ledger.record()
        return [Journal(Ended(record)), Finished(record)]


def _state(dialog: Dialog) -> DialogState:
    return DialogState(
        call_id=dialog.call_id,
        local=dialog.local,
        remote=dialog.remote,
        target=dialog.target,
        route_set=dialog.route_set,
        sequence=dialog.sequence + _SEQUENCE_ROOM,
        flow=dialog.flow,
    )
