"""The search for who answers: candidates in order, an attempt at each, and what it means when one fails.

An agent is looked for among agents, a telephone among the carriers that reach it. The search knows nothing of the party
that it is for but what it was told at the start, in `Wanted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trunkline.call.b2bua import devices, hunt, invitation
from trunkline.call.b2bua.ledger import Ledger, LegEntry, peer
from trunkline.call.b2bua.media_plan import MediaPlan, Terms, policy_of
from trunkline.call.b2bua.redirect import Redirects
from trunkline.call.decision.admission import Admission
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.call.leg.events import Connected, Failed, Rang
from trunkline.call.leg.headers import reason as reason_line
from trunkline.call.leg.headers import warning as warning_line
from trunkline.call.leg.target import Target
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.model.call import CallStatus, Side
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.routing.outbound import Carrier
from trunkline.routing.select import Candidate
from trunkline.sdp.refusal import Refusal
from trunkline.sip.flow import Flow

AgentLeg = UacLeg | EndpointLeg
Attempt = Candidate | Carrier


class Wanted:
    """Whom an agent is looked for."""

    __slots__ = (
        "crossing", "flow", "identity", "kind", "max_forwards", "number", "offer", "private", "reliable", "trunk",
    )  # fmt: skip

    def __init__(
        self,
        trunk: Trunk | None,
        number: Number | None,
        flow: Flow,
        offer: bytes,
        kind: str | None,
        crossing: tuple[tuple[str, str], ...],
        identity: tuple[tuple[str, str], ...],
        max_forwards: int,
        reliable: bool = False,
        private: bool = False,
    ) -> None:
        self.trunk = trunk
        """By which the call came; None for one that begins here."""
        self.number = number
        self.flow = flow
        """Over which it came."""
        self.offer = offer
        """The body that holds the offer; empty when the agent is to make one."""
        self.kind = kind
        """Its Content-Type."""
        self.crossing = crossing
        """Headers that go on to any agent."""
        self.identity = identity
        """Headers that go on to an agent of a trusted trunk."""
        self.max_forwards = max_forwards
        self.reliable = reliable
        """Whether who wants it takes reliable provisional responses, so that an offer may come in one."""
        self.private = private
        """Whether a carrier is told to withhold the calling number."""


class Nobody(NamedTuple):
    """There is no agent: what the other party is told, and what the record says."""

    status: int
    phrase: str | None
    headers: str
    ended: CallStatus
    cause: str
    by: Side
    detail: str | None = None


Step = tuple[Outs, Nobody | None]
"""What is to be done, and the end of the search when this was it."""


class Search:
    """That of one call."""

    __slots__ = (
        "_admission",
        "_attempts",
        "_began",
        "_candidates",
        "_early",
        "_ledger",
        "_plan",
        "_redirects",
        "_ua",
        "_wanted",
        "_word",
        "candidate",
        "leg",
        "line",
    )

    def __init__(
        self,
        ua: UserAgent,
        ledger: Ledger,
        wanted: Wanted,
        candidates: Sequence[Attempt],
        admission: Admission,
        plan: MediaPlan,
    ) -> None:
        self._ua = ua
        self._ledger = ledger
        self._wanted = wanted
        self._candidates = list(candidates)
        self._began: float | None = None
        """When the first was."""
        self._admission = admission
        self._plan = plan
        self._attempts = 0
        self._redirects: Redirects | None = None
        """None until an agent leads elsewhere."""
        self._early: dict[str, Rang] = {}
        """What rang with a session description, by early dialog of the attempt that goes on."""
        self._word: Failed | None = None
        """What the devices of one agent came to that were tried before the last of them."""
        self.candidate: Attempt | None = None
        """Who is tried, or answered."""
        self.leg: AgentLeg | None = None
        """The leg of the attempt that goes on, or that answered."""
        self.line: LegEntry | None = None
        """Its line in the ledger."""

    def offers(self, body: bytes, kind: str) -> None:
        """The party that somebody is looked for has made its offer."""
        self._wanted.offer, self._wanted.kind = body, kind

    def tell(self, headers: tuple[tuple[str, str], ...]) -> None:
        """Tell every agent this too."""
        self._wanted.crossing += headers

    # ── attempts ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def attempt(self, now: float) -> Step:
        """Call the next agent."""
        ua, ledger, wanted = self._ua, self._ledger, self._wanted
        if self._began is None:
            self._began = now
            if ua.penalties and len(self._candidates) > 1:
                self._candidates = devices.ordered(self._candidates, ua.penalties, now)
        candidate = self._next_with_room()
        if candidate is None and ledger.direction == "outbound":
            headers = 'Reason: SIP;cause=503;text="carrier-full"\r\n'
            detail = "The carriers' trunks are full: raise their max_concurrent_calls."
            return [], Nobody(503, None, headers, "failed", "carrier-full", "edge", detail)
        if candidate is None:
            headers = 'Reason: SIP;cause=503;text="agent-trunk-full"\r\n'
            detail = "The agent's trunk is full: raise its max_concurrent_calls."
            return [], Nobody(503, None, headers, "failed", "agent-trunk-full", "edge", detail)
        self.candidate = candidate
        self._attempts += 1
        self._early.clear()
        trunk = candidate.trunk
        line = LegEntry("agent", now + ua.epoch, None, candidate.uri, trunk.id if trunk is not None else None)
        if isinstance(candidate, Candidate):
            ledger.agent_id = line.agent_id = candidate.agent.id
        ledger.legs.append(line)
        self.line = line
        ua.alarms.set((ledger.id, "ring"), min(now + candidate.ring_timeout, self._began + candidate.within))
        if candidate.uri is None:
            self._plan.reach_here()
        else:
            self._plan.reach(Terms(ua.origin(wanted.flow), policy_of(trunk)))
        offer = b""
        if wanted.offer:
            crossed = self._plan.offer("caller", wanted.offer, wanted.kind)
            if isinstance(crossed, Refusal):
                self.leg = None
                self._close(crossed.status, crossed.phrase, crossed.detail, now)
                return self.attempt(now) if self._candidates else ([], refused(crossed, ua.brand))
            offer = crossed
        leg = self.leg = self._leg(candidate, offer)
        if isinstance(leg, UacLeg):
            line.sip_call_id = leg.sip_call_id
            leg.origin = ua.origin(wanted.flow)
        return leg.begin(), None

    def _leg(self, candidate: Attempt, offer: bytes) -> AgentLeg:
        ua, ledger, wanted, number = self._ua, self._ledger, self._wanted, self._wanted.number
        leg = f"{ledger.id}:{self._attempts}"
        if isinstance(candidate, Carrier):
            calling = ledger.phone_number or ""
            outward = invitation.outward(candidate, calling, wanted.private, wanted.crossing, wanted.max_forwards)
            outward = invitation.on_its_way(outward, candidate, ua.service_routes, bool(self._candidates))
            return UacLeg(ua, leg, ledger.id, self._asked(outward, offer), offer)
        if candidate.uri is None:
            codecs = wanted.trunk.codecs if wanted.trunk is not None else ()
            return EndpointLeg(leg, ledger.id, candidate.agent.kind, offer or None, wanted.flow, codecs)
        foreign = self._redirects is not None and self._redirects.foreign(candidate)
        target = invitation.target(
            candidate.uri,
            candidate.transport,
            candidate.trunk,
            number,
            ledger.caller,
            f"call_{ledger.id}",
            ua.brand,
            wanted.crossing,
            () if foreign else wanted.identity,
            invitation.facts(ledger) if number is not None and number.metadata else {},
            wanted.max_forwards,
        )
        if foreign and self._redirects is not None:
            target = self._redirects.guarded(target, candidate)
        target = invitation.on_its_way(target, candidate, ua.service_routes, bool(self._candidates))
        return UacLeg(ua, leg, ledger.id, self._asked(target, offer), offer)

    def _asked(self, target: Target, offer: bytes) -> Target:
        """The target; one that is to make the offer is told whether the other party takes it before the answer."""
        return target._replace(reliable=True) if self._wanted.reliable and not offer else target

    def _more(self, now: float) -> bool:
        """Whether there is another to try, and time for it."""
        began = now if self._began is None else self._began
        self._candidates = [one for one in self._candidates if now - began < one.within]
        return bool(self._candidates)

    def _next_with_room(self) -> Attempt | None:
        """The next agent whose trunk has a place for this call; the place is taken."""
        while self._candidates:
            candidate = self._candidates.pop(0)
            if candidate.trunk is None or self._admission.attempt(candidate.trunk, self._ledger.id):
                return candidate
        return None

    # ── what comes of them ────────────────────────────────────────────────────────────────────────────────────────────

    def rang(self, event: Rang, now: float) -> bytes:
        """The agent rings, or shows early media; the session description as the other party may see it."""
        line, ledger = self.line, self._ledger
        if event.status == 199:
            # That early dialog is no more (RFC 6228).
            self._early.pop(event.early, None)
            return b""
        if line is not None and line.ringing_at is None and event.status != 183:
            line.ringing_at = now + self._ua.epoch
            ledger.ringing_at = ledger.ringing_at or line.ringing_at
        if not event.body:
            return b""
        self._locate()
        if not self._wanted.offer:
            # Only a reliable one counts as an offer, and one at a time.
            if not event.reliable or self._plan.offerer is not None:
                return b""
            offered = self._plan.offer("agent", event.body, event.content_type)
            return b"" if isinstance(offered, Refusal) else offered
        self._early[event.early] = event
        crossed = self._plan.answer("agent", event.body, event.content_type)
        # An early answer that does not fit is left out: the final one decides.
        return b"" if isinstance(crossed, Refusal) else crossed

    def answer(self, event: Connected) -> bytes | Refusal:
        """The session description of an agent that answered, as the other party may see it."""
        body, kind = event.body, event.content_type
        if not body and (early := self._early.get(event.early)) is not None:
            # The first answer counts, wherever it stood (§13.2.1).
            body, kind = early.body, early.content_type
        self._locate()
        if self._wanted.offer:
            return self._plan.answer("agent", body, kind)
        return self._plan.offer("agent", body, kind)

    def _locate(self) -> None:
        """Our o= lines name what we advertise on the flow that the INVITE took."""
        leg = self.leg
        if isinstance(leg, UacLeg) and leg.flow is not None:
            self._plan.locate(self._ua.origin(leg.flow))

    def unanswered(self, now: float) -> Step:
        """The agent rang for as long as it may."""
        leg = self.leg
        outs = leg.disconnect('Q.850;cause=19;text="no answer"', now) if leg is not None else []
        self._close(408, "Request Timeout", "", now)
        # A telephone that rang is not made to ring again by another carrier.
        one = self.candidate
        again = not (isinstance(one, Carrier) and isinstance(leg, UacLeg) and leg.provisional)
        if isinstance(one, Candidate):
            why = 'Q.850;cause=19;text="no answer"'
            self._told(one, Failed("", 480, "", hunt.RANG_OUT, why, answered_by_peer=False))
        if again and self._more(now):
            more, nobody = self.attempt(now)
            return outs + more, nobody
        headers = 'Reason: Q.850;cause=19;text="no answer"\r\n'
        return outs, Nobody(480, None, headers, "no-answer", hunt.RANG_OUT, "edge")

    def taken(self, now: float) -> Outs:
        """Somebody else has answered in the place of who rings, and nobody is looked for any more."""
        self._candidates = []
        outs = self.leg.disconnect('SIP;cause=200;text="Call completed elsewhere"', now) if self.leg is not None else []
        self._close(487, "Request Terminated", "", now)
        return outs

    def failed(self, event: Failed, now: float) -> Step:
        """The agent was not reached, or refused."""
        self._close(event.status, event.phrase, event.reason, now)
        self._ua.alarms.clear((self._ledger.id, "ring"))
        provisional = isinstance(self.leg, UacLeg) and self.leg.provisional
        rang = bool(self._early) or (self.line is not None and self.line.ringing_at is not None)
        statuses = self.candidate.hunt_on if self.candidate is not None else ()
        if event.contacts and isinstance(self.candidate, Candidate):
            redirects = self._redirects = self._redirects or Redirects()
            followed = redirects.follow(event.contacts, self.candidate, self.leg.flow if self.leg is not None else None)
            self._candidates = [*followed, *self._candidates]
            # A contact that leads no further does not speak for those beside it.
            following = self._candidates[0] if self._candidates else None
            if isinstance(following, Candidate) and redirects.named(following):
                return self.attempt(now)
        one = self.candidate
        spoken = isinstance(one, Candidate) and hunt.one_device(one, event, provisional)
        said = self._told(one, event) if isinstance(one, Candidate) else event
        if isinstance(one, Candidate) and one.alone:
            event = said
        if (spoken or hunt.hunts_on(event, provisional, rang, statuses)) and self._more(now):
            return self.attempt(now)
        event = said
        status, words = hunt.refused(event.status, event.phrase)
        headers = reason_line(hunt.reason(event))
        if event.warning and (status == 488 or isinstance(self.leg, EndpointLeg)):
            headers += warning_line(event.warning, self._ua.brand)
        if status == event.status:
            headers += event.taken
        cause = {486: "busy", 600: "busy", 603: "declined"}.get(event.status, event.cause)
        by: Side = "agent" if event.answered_by_peer else "edge"
        ended: CallStatus = "no-answer" if event.cause == hunt.RANG_OUT else "failed"
        return [], Nobody(status, words, headers, ended, cause, by, event.reason or None)

    def _told(self, one: Candidate, event: Failed) -> Failed:
        """What an agent came to with this failure of one of its devices, as far as they were tried."""
        event = hunt.better(self._word, event)
        self._word = None if one.alone else event
        return event

    def _close(self, status: int, phrase: str, reason: str, now: float) -> None:
        """The attempt's line, and its place, are closed."""
        line = self.line
        if line is None:
            return
        line.status, line.phrase, line.reason = status, phrase, reason or None
        line.ended_at = now + self._ua.epoch
        if isinstance(self.leg, UacLeg):
            line.peer = peer(self.leg.flow)
        came_by = self._wanted.trunk
        if line.trunk_id is not None and (came_by is None or line.trunk_id != came_by.id):
            self._admission.capacity.leave(line.trunk_id, self._ledger.id)


def refused(refusal: Refusal, brand: str) -> Nobody:
    """The end of a call whose session description is refused."""
    headers = refusal.line(brand)
    return Nobody(refusal.status, refusal.phrase, headers, "failed", refusal.reason, "edge", refusal.detail)
