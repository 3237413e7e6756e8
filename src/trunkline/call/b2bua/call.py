"""One call's life, and its one end.

The caller's leg is there from the start. Agents are tried in order until one answers (`search`); then media and
requests cross (`bridge`) until either side ends it. Whatever happens, a call ends once, in `_finish`, with one record.
"""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.call.b2bua import vetting
from trunkline.call.b2bua.bridge import Bridge, Seat
from trunkline.call.b2bua.ledger import Ledger, LegEntry, peer
from trunkline.call.b2bua.media_plan import ENDS, End, MediaPlan, Terms, policy_of
from trunkline.call.b2bua.moving import Moving
from trunkline.call.b2bua.search import AgentLeg, Attempt, Nobody, Search, Step, Wanted, refused
from trunkline.call.b2bua.vetting import Vetting
from trunkline.call.decision.admission import Admission
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.call.leg.events import (
    Acknowledged,
    Asked,
    Cleared,
    Connected,
    Disconnected,
    Failed,
    LegEvent,
    Lost,
    Rang,
)
from trunkline.call.leg.headers import reason as reason_line
from trunkline.call.leg.host_leg import HostLeg
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Finished, Journal
from trunkline.identity.verify import Judgement
from trunkline.model.call import CallStatus, Side
from trunkline.model.journal import Answered, Began, Ended, Rejoined
from trunkline.sdp.refusal import Refusal


class Call:
    """From the INVITE that was admitted to the last leg's end."""

    __slots__ = (
        "_admission", "_caller_line", "_held", "_longest", "_plan", "_search", "_tolled", "_trunk", "_vetting",
        "answered", "bridge", "caller", "ended", "flow", "id", "kind", "ledger", "moving", "offer", "ua",
    )  # fmt: skip

    def __init__(
        self,
        ua: UserAgent,
        ledger: Ledger,
        caller: UasLeg | HostLeg,
        line: LegEntry,
        wanted: Wanted,
        candidates: Sequence[Attempt],
        admission: Admission,
        *,
        longest: float | None = None,
        tolled: bool = False,
        vetting: Vetting | None = None,
    ) -> None:
        """`line`: the caller's, in the ledger. `wanted`: who is looked for among `candidates`. `longest`: seconds after
        the answer at which the call is ended. `tolled`: it counts for its organization while it is up. `vetting`:
        whether somebody vouches for the caller is asked first."""
        self.ua = ua
        self.id = ledger.id
        self.ledger = ledger
        self.caller = caller
        self.answered = False
        self.ended = False
        self._held: Connected | None = None
        """The agent's answer, while early media is not acknowledged by the caller (RFC 3262 §3)."""
        self.moving: Moving | None = None
        """Transfers and digits; None until there is one."""
        self.flow = wanted.flow
        """Over which it came; of a call that begins here, an address of ours."""
        self._trunk = wanted.trunk
        self.kind = wanted.kind
        """The Content-Type of the offer."""
        self.offer = wanted.offer
        """The body that holds the caller's offer; empty when the agent is to make one."""
        session = int(ua.tokens.token()[2:17], 16)
        self._plan = MediaPlan(session, Terms(ua.origin(self.flow), policy_of(self._trunk)))
        self.bridge = Bridge(self._plan)
        self._longest = longest
        self._admission = admission
        self._tolled = tolled
        self._vetting = vetting
        self._search = Search(ua, ledger, wanted, candidates, admission, self._plan)
        ledger.legs.append(line)
        self._caller_line = line
        self.bridge.join("caller", Seat(caller, line, self._trunk))

    @property
    def agent(self) -> AgentLeg | None:
        """The leg of the attempt that goes on, or that answered."""
        return self._search.leg

    @property
    def ringing(self) -> Seat | None:
        """The agent that is tried, in the place that it would have; None once one has answered."""
        return self._seat(self.agent) if self.agent is not None and not self.answered else None

    def legs(self) -> list[str]:
        """The ids of all its legs that may still be there."""
        found = [self.caller.id]
        if self.agent is not None:
            found.append(self.agent.id)
        for seat in self.bridge.seats():
            if seat.party.id not in found:
                found.append(seat.party.id)
        return found if self.moving is None else found + self.moving.legs()

    # ── from the core ─────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, now: float) -> Outs:
        """Look at the offer, then call the first agent."""
        outs: Outs = [Journal(Began(self.ledger.record()))]
        refusal = self._plan.check(self.offer, self.kind) if self.offer else None
        if refusal is not None:
            return outs + self._give_up(refused(refusal, self.ua.brand), now)
        outs += self.caller.trying(now)
        if self.caller.patience:
            self.ua.alarms.set((self.id, "expires"), now + self.caller.patience)
        if self._trunk is not None and self._trunk.ring_after is not None:
            self.ua.alarms.set((self.id, "ringback"), now + self._trunk.ring_after)
        if self._vetting is not None:
            known = self._vetting.begin(now + self.ua.epoch)
            if not isinstance(known, Judgement):
                self.ua.alarms.set((self.id, "identity"), now + self._vetting.patience)
                return outs + known
            return outs + self._vetted(known, now)
        return outs + self._searched(self._search.attempt(now), now)

    def fetched(self, pem: bytes | None, now: float) -> Outs:
        """The certificate that vouches for the caller came, or cannot be had."""
        known = [] if self.ended or self._vetting is None else self._vetting.fetched(pem, now + self.ua.epoch)
        return self._vetted(known, now) if isinstance(known, Judgement) else known

    def _vetted(self, judgement: Judgement, now: float) -> Outs:
        """It is known what the caller's number is worth: the first agent is called, or nobody is."""
        assert self._vetting is not None
        self.ledger.attestation = judgement.verstat
        outs: Outs = [self._vetting.observed(judgement)]
        refuses, self._vetting = self._vetting.refuses(judgement), None
        self.ua.alarms.clear((self.id, "identity"))
        if refuses:
            return outs + self._give_up(vetting.nobody(judgement), now)
        self._search.tell(vetting.headers(judgement, self.ua.brand))
        return outs + self._searched(self._search.attempt(now), now)

    def receive(self, event: LegEvent, now: float) -> Outs:
        """A leg's word. One of a leg that is not, or no longer, part of the call changes nothing."""
        if self.ended:
            return []
        if self.answered:
            return self._between(event, now)
        agent = self.agent
        if event.leg == self.caller.id:
            return self._from_caller(event, agent, now)
        if agent is None or event.leg != agent.id:
            return []
        if isinstance(event, Rang):
            return self._rang(event, now)
        if isinstance(event, Connected):
            return self._connected(event, agent, now)
        if isinstance(event, Failed):
            outs = self.bridge.abandon("caller", now)
            return outs + self._searched(self._search.failed(event, now), now)
        if isinstance(event, Disconnected):
            if self._search.line is not None:
                self._search.line.reason = event.reason or None
            outs = agent.disconnect("", now) + self.caller.disconnect(event.reason, now)
            return outs + self._finish("failed", event.cause, "agent", None, now)
        return self._early(event, agent, agent, now)

    def expire(self, what: str, now: float) -> Outs:
        if self.ended:
            return []
        if what == "ringback":
            return self.caller.ring(180, "Ringing", b"", "", "", now) if not self.answered else []
        if what == "identity":
            return self.fetched(None, now)
        if what == "expires":
            reason = 'SIP;cause=487;text="expired"'
            return self.hang_up("expired", "caller", reason, now, 487) if not self.answered else []
        if what == "limit":
            return self.hang_up("max-duration", "edge", 'Q.850;cause=16;text="max duration"', now)
        if self.agent is None or self.answered:
            return []
        outs = self.bridge.abandon("caller", now)
        return outs + self._searched(self._search.unanswered(now), now)

    def hang_up(self, cause: str, by: Side, reason: str, now: float, status: int = 480) -> Outs:
        """End both legs. `status` is the answer of a call that was not answered yet."""
        if self.ended:
            return []
        if self.answered:
            return (
                self._released(reason, now) + self._part(reason, now) + self._finish("completed", cause, by, None, now)
            )
        outs = self.agent.disconnect(reason, now) if self.agent is not None else []
        outs += self.caller.refuse(status, None, reason_line(reason), now)
        return outs + self._finish("failed" if status != 487 else "no-answer", cause, by, status, now)

    # ── from the legs ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _from_caller(self, event: LegEvent, agent: AgentLeg | None, now: float) -> Outs:
        """The caller's word before the answer."""
        if isinstance(event, Disconnected):
            return self._abandoned(event, agent, now)
        if agent is None:
            return []
        if isinstance(event, Cleared):
            held, self._held = self._held, None
            if held is None or held.leg != agent.id:
                return []
            outs = self._connected(held, agent, now)
            if self.answered:
                outs.append(Journal(Rejoined(self.ledger.record(), self.bridge.states())))
            return outs
        if isinstance(event, Acknowledged):
            return self._acknowledged(event, agent, now)
        return self._early(event, self.caller, agent, now)

    def _early(self, event: LegEvent, asker: UasLeg | AgentLeg, agent: AgentLeg, now: float) -> Outs:
        """A change of the session before the answer (RFC 3311): it crosses where both sides have agreed on one."""
        if self.caller.current is not None and agent.current is not None:
            self._sit(agent)
            return self.bridge.receive(event, now)
        if not isinstance(event, Asked) or asker.current is None:
            return []
        if event.method == "UPDATE" and not event.body:
            return asker.current.reply(event.exchange, 200, "OK", b"", "", "", now)
        if event.method == "PRACK":
            return asker.current.reply(event.exchange, 488, "Not Acceptable Here", b"", "", "", now)
        # Nothing is open in its dialog that it could wait for, and it cannot be answered now (RFC 3311 §5.2).
        return asker.current.reply(event.exchange, 504, "Server Time-out", b"", "", "", now)

    def _abandoned(self, event: Disconnected, agent: AgentLeg | None, now: float) -> Outs:
        """The caller gave up before the answer."""
        self._caller_line.reason = event.reason or None
        outs = agent.disconnect(event.reason, now) if agent is not None else []
        if event.cause == "no-prack":
            return outs + self._finish("failed", "no-prack", "edge", 504, now)
        return outs + self._finish("no-answer", "cancelled", "caller", 487, now)

    def _between(self, event: LegEvent, now: float) -> Outs:
        """A word of one of the two that talk."""
        end = self.bridge.end_of(event.leg)
        if end is None:
            return []
        if isinstance(event, Disconnected):
            return self._left(event, end, now)
        if isinstance(event, Lost):
            return self.hang_up(event.cause, "edge", event.reason, now)
        if isinstance(event, Acknowledged) and not event.exchange:
            if self.agent is None or event.leg != self.caller.id:
                return []
            return self._acknowledged(event, self.agent, now)
        return self._crossed(event, now)

    def _left(self, event: Disconnected, end: End, now: float) -> Outs:
        """One side hung up, or is lost."""
        seat = self.bridge.seat(end)
        if seat is not None:
            seat.line.reason = event.reason or None
        unacknowledged = event.cause == "no-ack" and end == "caller"
        outs = self._released(event.reason, now) + self._part(event.reason, now)
        return outs + self._finish("failed" if unacknowledged else "completed", event.cause, end, None, now)

    def _released(self, reason: str, now: float) -> Outs:
        """What went on beside the talk is over; who waits to be told of a transfer is told before the BYE."""
        return [] if self.moving is None else self.moving.abandon(reason, now, now + self.ua.epoch)

    def _part(self, reason: str, now: float) -> Outs:
        """Both sides get their BYE; who has hung up is past it."""
        outs: Outs = []
        for end in ENDS:
            seat = self.bridge.seat(end)
            if seat is not None:
                outs += seat.party.disconnect(reason, now)
        return outs

    def _crossed(self, event: LegEvent, now: float) -> Outs:
        """What is said inside the call; an answer may tell that the other side's dialog is gone."""
        lost = self.bridge.lost(event)
        outs = self.bridge.receive(event, now)
        if lost:
            reason = f'SIP;cause={lost};text="the other side is gone"'
            outs += self.hang_up("dialog-lost", "edge", reason, now)
        return outs

    def _rang(self, event: Rang, now: float) -> Outs:
        if self.answered:
            return []
        body = self._search.rang(event, now)
        return self.caller.ring(event.status, event.phrase, body, event.early, "", now)

    def _connected(self, event: Connected, agent: AgentLeg, now: float) -> Outs:
        if self.caller.holds:
            self._held = event
            self.ua.alarms.clear((self.id, "ring"))
            return [Journal(Rejoined(self.ledger.record(), self.bridge.states(agent)))]
        crossed: bytes | Refusal = b""
        if not event.settled or not self.caller.settled(event.early):
            crossed = self._search.answer(event)
        if isinstance(crossed, Refusal):
            if crossed.status != 488:
                crossed = crossed._replace(status=502, phrase="Bad Gateway")
            outs = agent.disconnect(f'SIP;cause={crossed.status};text="{crossed.reason}"', now)
            return outs + self._give_up(refused(crossed, self.ua.brand), now)
        self._sit(agent)
        line = self._search.line
        if line is not None:
            line.answered_at, line.status = now + self.ua.epoch, 200
            if isinstance(agent, EndpointLeg):
                line.codec = self._caller_line.codec = agent.codec or None
        return self._answer(crossed, event.early, now)

    def taken(self, body: bytes, early: str, now: float) -> Outs:
        """Somebody else answers in the place of the agent that rings (RFC 3891 §3), as the early dialog `early`."""
        return self._search.taken(now) + self._answer(body, early, now)

    def _answer(self, body: bytes, early: str, now: float) -> Outs:
        """The caller is answered; who has the other place is seated."""
        self.answered = True
        wall = now + self.ua.epoch
        ledger = self.ledger
        ledger.answered_at, ledger.sip_status = wall, 200
        self._caller_line.answered_at, self._caller_line.status = wall, 200
        alarms = self.ua.alarms
        alarms.clear((self.id, "ring"))
        alarms.clear((self.id, "ringback"))
        if self._longest:
            alarms.set((self.id, "limit"), now + self._longest)
        if self._tolled:
            self._admission.tolls.begin(ledger.organization_id, self.id, now)
        outs = self.caller.connect(body, early, "", now)
        outs.append(Journal(Answered(ledger.record(), self.bridge.states())))
        return outs

    def _acknowledged(self, event: Acknowledged, agent: AgentLeg, now: float) -> Outs:
        """The first ACK, or the PRACK before it, which brings the answer when the agent made the offer."""
        if self.offer or self._plan.offerer != "agent":
            return []
        crossed = self._plan.answer("caller", event.body) if event.body else None
        if crossed is None or isinstance(crossed, Refusal):
            # The agent's offer has no answer: the 2xx still needs its ACK, and then the call its end.
            reason = 'SIP;cause=488;text="no usable answer"'
            return agent.acknowledge(b"", now) + self.hang_up("no-answer-sdp", "edge", reason, now)
        return agent.acknowledge(crossed, now)

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sit(self, agent: AgentLeg) -> None:
        """The agent that answered has its place."""
        self.bridge.join("agent", self._seat(agent))

    def _seat(self, agent: AgentLeg) -> Seat:
        line, candidate = self._search.line, self._search.candidate
        assert line is not None
        assert candidate is not None
        return Seat(agent, line, candidate.trunk, candidate.agent)

    def _searched(self, step: Step, now: float) -> Outs:
        """The search's next step, which may be its end and the call's."""
        outs, nobody = step
        return outs if nobody is None else outs + self._give_up(nobody, now)

    def _give_up(self, nobody: Nobody, now: float) -> Outs:
        """There is no agent for the caller."""
        outs = self.caller.refuse(nobody.status, nobody.phrase, nobody.headers, now)
        self.ledger.detail = nobody.detail
        return outs + self._finish(nobody.ended, nobody.cause, nobody.by, nobody.status, now)

    def _finish(self, status: CallStatus, cause: str, by: Side, sip_status: int | None, now: float) -> Outs:
        """The one place where calls end."""
        self.ended = True
        ledger = self.ledger
        ledger.status, ledger.cause, ledger.hung_up_by = status, cause, by
        if sip_status is not None:
            ledger.sip_status = self._caller_line.status = sip_status
        wall = now + self.ua.epoch
        ledger.ended_at = wall
        line = self._search.line
        if isinstance(self.agent, UacLeg) and line is not None and line.peer is None:
            line.peer = peer(self.agent.flow)
        for each in ledger.legs:
            if each.ended_at is None:
                each.ended_at = wall
        for what in ("ring", "ringback", "limit", "identity", "expires"):
            self.ua.alarms.clear((self.id, what))
        outs = self._released("", now)
        record = ledger.record()
        return [*outs, Journal(Ended(record)), Finished(record)]
